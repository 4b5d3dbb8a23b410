"""The rules of the hardware that keep commands, frames, ports and buffers apart, each with the edit that breaks it."""

from __future__ import annotations

from dataclasses import replace

from spec.isa import Queue
from tb.mutation import Edit

__all__ = ["RULES"]

_ZERO = "Mux(MUTANT, 0, OLD)"
_NEVER = "OLD & ~MUTANT"
_ALWAYS = "OLD | MUTANT"


def _of(condition: str) -> str:
    """The expression is 0 where a condition of Python holds."""
    return f"Mux(MUTANT & ({condition}), 0, OLD)"


def _hazards() -> list[Edit]:
    """What is remembered of frames and ports."""
    file = "hw/hazards.py"
    queue = "(queue == Queue.{}".format
    rules = []
    for name in ("PLACE", "POST"):
        writer = _of(f"{queue(name)})")
        rules += [
            Edit(f"a reader of a frame waits for {name}, its last writer", file,
                 "self.before_reading[queue].eq(«count»)", writer),
            Edit(f"a writer of a frame waits for {name}, its last writer", file,
                 "self.before_writing[queue].eq(«count»)", writer),
        ]  # fmt: skip
    rules += [
        Edit(f"a writer of a frame waits for {name}, its last reader", file,
             "with m.If(«old.readers[i].any()»):", _of(f"{queue(name)})"))
        for name in ("WEIGHTS", "ARRAY", "POST", "TAKE")
    ]  # fmt: skip
    for ports, names in (("read_ports", ("WEIGHTS", "ARRAY", "POST", "TAKE")), ("write_ports", ("PLACE", "POST"))):
        rules += [
            Edit(f"who uses a port next waits for {name}, its last user ({ports[:-6]})", file,
                 "before[queue].eq(Mux(«old_user.queue == queue», old_user.count, 0))",
                 _of(f"(name == {ports!r}) & {queue(name)})"))
            for name in names
        ]  # fmt: skip
    rules.append(Edit("a writer of a frame is remembered", file, "with m.If(«ask.writes»):", _NEVER))
    return rules


def _dispatch() -> list[Edit]:
    """What WEIGHTS, ARRAY and POST wait for."""
    file = "hw/dispatch.py"
    raised = "with m.If(«before[q] > waits[q]»):"

    def dropped(kind: str, queue: str, other: str, before: str) -> str:
        return _of(f"(waits is {kind}[Queue.{queue}]) & (q == Queue.{other}) & (before is self.{before})")

    rules = [
        Edit(f"{queue} waits for {other}, which wrote what it reads", file, raised,
             dropped("data", queue, other, "before_reading"))
        for queue in ("WEIGHTS", "ARRAY", "POST") for other in ("PLACE", "POST") if queue != other
    ]  # fmt: skip
    rules += [
        Edit(f"POST waits for {other}, which used what it writes", file, raised,
             dropped("data", "POST", other, "before_writing"))
        for other in ("PLACE", "WEIGHTS", "ARRAY", "TAKE")
    ]  # fmt: skip
    readers = ("WEIGHTS", "ARRAY", "POST", "TAKE")
    rules += [
        Edit(f"{queue} waits for {other} at a read port", file, raised,
             dropped("port", queue, other, "before_read_port"))
        for queue in readers[:3] for other in readers if queue != other
    ]  # fmt: skip
    rules += [
        Edit("POST waits for PLACE at a write port", file, raised,
             dropped("port", "POST", "PLACE", "before_write_port")),
        Edit("of several waits for a queue the latest counts", file, raised, _ALWAYS),
        Edit("POST waits for the sums that it drains", file,
             "self.post.payload.data[Queue.SUMS].eq(«self.pushed[Queue.ARRAY]»)", _ZERO),
        Edit("ARRAY waits until its half is drained", file, "self.array.payload.half.eq(«drained[half]»)", _ZERO),
        Edit("who drains a half is remembered", file, "drained[half].eq(«counts[Queue.POST]»)",
             "Mux(MUTANT, drained[half], OLD)"),
        Edit("new sums go to the other half", file, "half.eq(«half ^ (array & compute.first)»)",
             "Mux(MUTANT, half, OLD)"),
        Edit("weights that share a bank with inputs are loaded between passes", file, "weights.serial.eq(«shared»)",
             _NEVER),
        Edit("POST is remembered as a bank's writer", file, "self.hazards.takes_write.eq(«1»)", _NEVER),
    ]  # fmt: skip
    rules += [
        Edit(f"{queue} is remembered as a bank's reader", file, "self.hazards.takes_read.eq(«1»)",
             _of(f"queue == Queue.{queue}"))
        for queue in readers[:3]
    ]  # fmt: skip
    return rules


def _transfers() -> list[Edit]:
    """What READ, PLACE, TAKE and WRITE wait for."""
    file = "hw/transfers.py"

    def dropped(queue: str) -> str:
        return f"{{q: Mux(MUTANT & (q == Queue.{queue}), 0, count) for q, count in (OLD).items()}}"

    half = "payload.half.eq(«Mux(counts[queue] > buffers, left, 0)»)"
    rules = [
        Edit("READ waits for the last WRITE of its page", file, "data={Queue.WRITE: «job.store»}", _ZERO),
        Edit("READ waits for a free buffer", file, half, _of("queue == Queue.READ")),
        Edit("TAKE waits for a free buffer", file, half, _of("queue == Queue.TAKE")),
        Edit("PLACE waits for its READ", file, "{Queue.READ: «counts[Queue.PLACE]»}", _ZERO),
        Edit("WRITE waits for its TAKE", file, "{Queue.TAKE: «counts[Queue.WRITE]»}", _ZERO),
        Edit("PLACE is remembered as a frame's writer", file, "self.hazards.writes.eq(«1»)", _NEVER),
        Edit("PLACE is remembered as a bank's writer", file, "self.hazards.takes_write.eq(«1»)", _NEVER),
        Edit("TAKE is remembered as a frame's reader", file, "self.hazards.reads.eq(«1»)", _NEVER),
        Edit("TAKE is remembered as a bank's reader", file, "self.hazards.takes_read.eq(«1»)", _NEVER),
        Edit("a page's last WRITE is remembered", file, "self.directory.entry.store.eq(«counts[Queue.WRITE]»)", _ZERO),
        Edit("a page that was written back is in DRAM", file, "self.directory.entry.home.eq(«1»)", _NEVER),
    ]  # fmt: skip
    for queue in ("WEIGHTS", "ARRAY", "POST", "TAKE"):
        rules += [Edit(f"PLACE waits for {queue}, which used its frame", file,
                       "data=«waits(self.before_writing)» |", dropped(queue))]  # fmt: skip
    rules.append(Edit("PLACE waits for POST at a write port", file, "port=«waits(self.before_write_port)»,",
                      dropped("POST")))  # fmt: skip
    for queue in ("PLACE", "POST"):
        rules += [Edit(f"TAKE waits for {queue}, which wrote its frame", file,
                       "data=«waits(self.before_reading)»,", dropped(queue))]  # fmt: skip
    for queue in ("WEIGHTS", "ARRAY", "POST"):
        rules += [Edit(f"TAKE waits for {queue} at a read port", file,
                       "port=«waits(self.before_read_port)»,", dropped(queue))]  # fmt: skip
    return rules


def _pages() -> list[Edit]:
    """What the allocator keeps of pages, and from whom."""
    settle, eviction, release, bind = (f"hw/{name}.py" for name in ("settle", "eviction", "release", "bind"))
    kept = "self.directory.entry.{}.eq(«page.{}»),".format
    return [
        Edit("a page is mapped anew only when ARRAY no longer translates it", settle,
             "(«self.counts[Queue.ARRAY] >= users.array») &", _ALWAYS),
        Edit("a page is mapped anew only when POST no longer translates it", settle,
             "& («self.counts[Queue.POST] >= users.post»)", _ALWAYS),
        Edit("ARRAY is remembered as a page's translator", settle, "self.directory.users.array.eq(«self.user.count»)",
             "Mux(MUTANT, users.array, OLD)"),
        Edit("POST is remembered as a page's translator", settle, "self.directory.users.post.eq(«self.user.count»)",
             "Mux(MUTANT, users.post, OLD)"),
        Edit("a slot is looked up again after an eviction", settle,
             "m.d.comb += [self.slots.look.eq(«1»), self.slots.slot.eq(self.slot)]\n                with m.If((self",
             _NEVER),
        Edit("a page that is written in part is fetched first if DRAM has the rest", settle,
             "with m.If(«~self.writes | entry.home | self.prefetch»):",
             "OLD & ~(MUTANT & self.writes & ~self.prefetch)"),
        Edit("a page that is written is dirty", settle,
             "self.directory.entry.dirty.eq(«entry.dirty | (used & self.writes)»)", "Mux(MUTANT, entry.dirty, OLD)"),
        *(
            Edit(f"{name.upper()} writes a dirty page", settle,
                 "with m.If(«(self.store | self.evict) & self.entry.present & self.entry.dirty»):",
                 f"OLD & ~(MUTANT & self.{name})")
            for name in ("store", "evict")
        ),
        Edit("EVICT gives a frame back", settle, "self.give.eq(«1»), self.slots.reside.eq(1), self.slots.to", _NEVER),
        Edit("an evicted page's last WRITE is kept", settle,
             "self.directory.entry.store.eq(«self.entry.store»),", _ZERO),
        Edit("an evicted page's home is kept", settle, "self.directory.entry.home.eq(«self.entry.home»),", _NEVER),
        Edit("pages of the current COMPUTE are no victims", eviction, "victim = page.present & «~self.marked»",
             _ALWAYS),
        Edit("each COMPUTE marks its own pages", eviction, "with m.If(«self.renew»):", _NEVER),
        Edit("a dirty victim is written back", eviction, "with m.If(«page.dirty»):", _NEVER),
        Edit("a victim's last WRITE is kept", eviction, kept("store", "store"), _ZERO),
        Edit("a victim's home is kept", eviction, kept("home", "home"), _NEVER),
        Edit("a dirty page that is live is written back when it is released", release,
             "with m.If(«page.present & page.dirty & saves»):", _NEVER),
        Edit("outputs are written back at the end", release,
             "saves.eq(live | («outputs & (self.binding.tensor_class == TensorClass.OUTPUT)»)),", _NEVER),
        Edit("a released page's last WRITE is kept", release, kept("store", "store"), _ZERO),
        Edit("a released page's home is kept", release, kept("home", "home"), _NEVER),
        Edit("a released page gives its frame back", release, "self.give.eq(«page.present»)", _NEVER),
        Edit("fills of what the machine writes wait for all WRITEs before BIND", bind,
             "self.directory.entry.store.eq(«Mux(written, self.stores, 0)»)", _ZERO),
        Edit("BIND says what is in DRAM", bind, "self.directory.entry.home.eq(«fields.home»)", _NEVER),
    ]  # fmt: skip


def _engines() -> list[Edit]:
    """When a queue, an engine or the front end goes on."""
    queue, loader, storer, weights = (f"hw/{name}.py" for name in ("queue", "loader", "storer", "weights"))
    array, post, fetch, front = (f"hw/{name}.py" for name in ("array_engine", "postprocess", "fetch", "frontend"))
    rules = [
        Edit("a push waits for room in its queue", queue, "self.push.ready.eq(«level != self.depth»)", _ALWAYS),
        Edit("a command waits for its data", queue, 'with m.Elif(~(«met["data"]» & self.extra)):', _ALWAYS),
        Edit("a command waits for its ports", queue, 'with m.Elif(~«met["port"]»):', "MUTANT | OLD"),
        Edit("a command waits for its buffer or half", queue, 'with m.Elif(~«met["half"]»):', "MUTANT | OLD"),
        Edit("ARRAY starts when its first tile is ready", queue, '(met["data"] & «self.extra»)', _ALWAYS),
        Edit("PLACE starts when the last word of the one before is out", loader,
             "~fetching & «~self.port.valid»", _ALWAYS),
        Edit("PLACE starts when the one before has read its buffer", loader,
             "«~fetching» & ~self.port.valid", _ALWAYS),
        Edit("READ and WRITE start when the last burst of the one before is asked for", "hw/bursts.py",
             "return «~valid | (ready & last)»", _ALWAYS),
        Edit("TAKE starts when the one before has asked for all words", storer,
             "«~self.port.valid» & ~asked[-1]", _ALWAYS),
        Edit("TAKE starts when no word of the one before is under way", storer, "& «~asked[-1] & ~here[-1]»", _ALWAYS),
        Edit("WRITE sends no beats of a page that has not started", storer, "axi.wvalid.eq(«(owed != 0)» & ~skip)",
             _ALWAYS),
        Edit("a tile is loaded when the shadow registers are free", weights, "(running & «~full» &",
             _ALWAYS),
        Edit("in serial mode a tile waits for the end of a pass", weights, "& «~held» &",
             _ALWAYS),
        Edit("WEIGHTS starts when the one before is done", weights, "self.ready.eq(«~running»)", _ALWAYS),
        Edit("a pass waits for its tile", array, "begin.eq(waiting & «self.tile.ready»)", _ALWAYS),
        Edit("ARRAY starts when the one before is done", array, "self.ready.eq(~waiting & «~going»)", _ALWAYS),
        Edit("POST ends with its last row", post, "flow[-1] & «~flow[:-1].any()»", _ALWAYS),
        Edit("a program burst waits for room in the buffer", fetch, "«(free >= burst)» &", _ALWAYS),
        Edit("a program burst waits for the address before it", fetch, "& «(~axi.arvalid | axi.arready)» &", _ALWAYS),
        Edit("an instruction is offered when it is there", fetch, "out.valid.eq(«(stored != taken)» &", _ALWAYS),
    ]  # fmt: skip
    rules += [
        Edit(f"END waits for {name.name}", front, "Cat(«self.counts[q] == count» for q, count",
             f"OLD | (MUTANT & (q == Queue.{name.name}))")
        for name in Queue if name is not Queue.SUMS
    ]  # fmt: skip
    return rules


def _windows() -> list[Edit]:
    """What passes over a window in the line buffer take."""
    windows, lines, depthwise = (f"hw/{name}.py" for name in ("windows", "linebuffer", "depthwise"))
    return [
        Edit("a large kernel's further passes are made only where a window ends", windows,
             "(self.part == most) | «~(always | complete)»", _NEVER),
        Edit("where a window ends all passes are made", windows, "final = («self.part == most»)",
             "OLD | (MUTANT & lines)"),
        Edit("lines up to the kernel's rows are used", lines, "used = «self.rows > 2 * index + 1» if index else 1",
             _NEVER),
        Edit("a multiplier takes in each pass a word of its own", depthwise, "word.eq(«window[x][y]»)",
             "Mux(MUTANT, window[first[0]][first[1]].as_value(), OLD.as_value())"),
        Edit("words beyond the kernel do not count", depthwise,
             "inside.eq(«(x < self.kernel_w) & (y < self.kernel_h)»)", _ALWAYS),
        Edit("a word's weights are where its multiplier is in its pass", depthwise,
             "«(taller == more)» & (column == i)", _ALWAYS),
        Edit("the sums of a window's passes meet", depthwise, "total.eq(Mux(«begins[2]», part_sum", _ALWAYS),
    ]  # fmt: skip


def _policies() -> list[Edit]:
    """Who gives up a page, and what is known of it."""
    rank, quota, history, notes = (f"hw/{name}.py" for name in ("rank", "quota", "history", "operands"))
    dispatch, free, allocator = (f"hw/{name}.py" for name in ("dispatch", "freelist", "allocator"))
    return [
        Edit("some frames stay free", free, "self.short.eq(«self.count < reserve(c)»)", _NEVER),
        Edit("under none no frames need stay free", allocator,
             "visitor.short.eq((«self.policy != Policy.NONE») & free.short)", _ALWAYS),
        Edit("a victim for the reserve joins the free frames", allocator, "joins.eq(«eviction.done & visitor.ahead»)",
             _NEVER),
        Edit("weights stay out of the banks of inputs", dispatch, "self.avoid.eq(«reads[Queue.ARRAY]»)", _ZERO),
        Edit("inputs stay out of the banks of the weights before", dispatch, "self.avoid.eq(«before»)", _ZERO),
        Edit("banks to be avoided are taken if no other has a frame", free,
             "with m.If(«(filled & ~self.avoid).any()»):", _ALWAYS),
        Edit("under none no bank is avoided", allocator,
             "avoid = Mux(«(self.policy == Policy.NONE) | self.visit.prefetch», 0, self.avoid)",
             "OLD & ~(MUTANT & (self.policy == Policy.NONE))"),
        Edit("static: a group that has its quota gives up its own", quota,
             "self.full.eq(«counts[group] >= limits[group]»)",
             _NEVER),
        Edit("static: the tensor bound first goes first", rank, "key.eq(«self.binding.order»)", _ZERO),
        Edit("lru: the tensor named longest ago goes first", rank,
             "with m.Default():\n                m.d.comb += key.eq(«used»)",
             _ZERO),
        Edit("frequency: the page named least often goes first", rank,
             "(self.policy == Policy.FREQUENCY) & «(less != more)»",
             _NEVER),
        Edit("frequency: uses are counted", notes,
             "uses.eq(self.usage.uses + «(self.usage.uses != MOST_USES)»)", _NEVER),
        Edit("eager: the tensor that stays away longest goes first", rank, "key.eq(«~away»)", _ZERO),
        Edit("eager: who is late stays away for as long again", rank, "Mux(«due >= self.stamp», due", _ALWAYS),
        Edit("eager: what was learned is recalled", history, "Mux(«found», read.data.distance, 0)", _NEVER),
        Edit("eager: a tensor that came back is learned from", history, "learns.eq(«begins & ~fresh»)", _NEVER),
        Edit("eager: another operator begins a phase", history,
             "(fresh | «(old.operator != self.operator)»)", _NEVER),
        Edit("directed: a tensor that never returns goes first", rank, "Mux(«distance == NEVER»,", _NEVER),
        Edit("directed: the tensor due last goes first", rank, "key.eq(Cat(~«latest»,", _ZERO),
        Edit("directed: a pinned tensor goes last", rank, "Cat(~latest, «self.usage.pinned»)", _ZERO),
    ]  # fmt: skip


def _products() -> list[Edit]:
    """What the array multiplies."""
    array, weights, dispatch = (f"hw/{name}.py" for name in ("array_engine", "weights", "dispatch"))
    return [
        Edit("the zero of INPUT is subtracted", array, "self.read.data[r]) - «less»)", _ZERO),
        Edit("a zero of INPUT waits for the words beside it", array, "beside[-16:-8].as_signed(), «beside[-8:]».as",
             "Mux(MUTANT, zero.as_unsigned(), OLD)"),
        Edit("the zero of WEIGHTS is subtracted", weights, "column, word) - «less»)", _ZERO),
        Edit("a zero of WEIGHTS waits for the words beside it", weights, "less = «zeros[-len(zero) :]».as_signed()",
             "Mux(MUTANT, zero.as_unsigned(), OLD)"),
        Edit("runs of tiles lie a stride apart", dispatch, "run[name].eq(«self.operands[role][name]»)",
             _of("(role is Role.WEIGHTS) & (name == 'stride')")),
        Edit("tiles are turned", dispatch, "weights.turned.eq(«compute.turned»)", _NEVER),
        Edit("a turned tile is ready when its columns come", weights, "loaded.eq(Mux(«turned», turning", _NEVER),
        Edit("no tile is asked for while one is turned", weights, "& ~held & «~turning»)", _ALWAYS),
    ]  # fmt: skip


def _pixels() -> list[Edit]:
    """What is multiplied, measured and normalized."""
    statistics, factor, normalize = (f"hw/{name}.py" for name in ("statistics", "factor", "normalize"))
    multiply, post, dispatch = (f"hw/{name}.py" for name in ("multiply", "postprocess", "dispatch"))
    return [
        Edit("a largest lane is the first block's or larger", statistics,
             "Mux(«~self.first & (before.largest > part)», before.largest, part)",
             "Mux(MUTANT, before.largest > part, OLD)"),
        Edit("a sum of exponentials or squares begins with the first block", statistics,
             "joined.total.eq(Mux(«self.first», 0, before.total)", _NEVER),
        Edit("a sum of lanes begins with the first block", statistics, "joined.sum.eq(Mux(«self.first», 0, before.sum)",
             _NEVER),
        Edit("lanes that do not count are not measured", statistics,
             "counts = «(self.lanes == 0) | (index < self.lanes)»", _ALWAYS),
        Edit("padding is measured as pad", statistics, "lane = Mux(«self.padded», self.pad, self.word[index])", _NEVER),
        Edit("the place of the next pixel is read ahead", statistics, "ahead.eq(pixel + «self.tap»)", _NEVER),
        Edit("exponentials are of the distance from the largest lane", statistics, "apart.eq(«known.largest» - lane)",
             _ZERO),
        Edit("MEASURE ends with its last place", statistics, "joins[-1] & «~moves[:-1].any()»", _ALWAYS),
        Edit("a closing MEASURE ends with its last factor", statistics, "divide.done & «~divide.more»", _ALWAYS),
        Edit("NORMALIZE measures nothing", statistics, "joins.eq(Mux(«self.measuring», moves, 0))", _ALWAYS),
        Edit("epsilon is added to a spread", factor, "spread.eq(Mux(self.moments, «self.epsilon», ", _ZERO),
        Edit("a sum of exponentials is shifted by a place more if need be", factor, "odd = «~whole[-1]»", _NEVER),
        Edit("a shift stays until the next word's first step", normalize,
             "with m.If(«steps[0]»):\n            m.d.sync += shift.eq(self.shift)", "Mux(MUTANT, self.start, OLD)"),
        Edit("MULTIPLY subtracts INPUT's zero", multiply, "- «self.zero»)", _ZERO),
        Edit("MULTIPLY subtracts RESIDUAL's zero", multiply, "- «self.other_zero»)", _ZERO),
        Edit("MULTIPLY adds nothing", post, "lane.residual.eq(command.residual & «~multiplying»)", _ALWAYS),
        Edit("what is measured is not written", post, "flow.eq(Cat(row & «~measuring», flow))", _ALWAYS),
        Edit("MEASURE has no residual", dispatch, "post.residual.eq(«compute.last» & compute.residual)", _ALWAYS),
    ]  # fmt: skip


#: Why nothing can notice that a rule is broken.
_PROOFS = {
    "a writer of a frame waits for POST, its last writer":
        "what POST wrote is dirty, so a TAKE reads the frame before it gets another page: TAKE waits for POST, and "
        "PLACE for TAKE, a reader since; POST itself is in order",
    "ARRAY waits for WEIGHTS at a read port":
        "ARRAY starts when the first tile of its own WEIGHTS is loaded, and that starts when every WEIGHTS before it "
        "is done; with its own it shares the port in serial mode",
    "TAKE waits for PLACE, which wrote its frame":
        "only dirty pages are taken, and their last writer is POST, which waited for PLACE",
    "END waits for READ": "each PLACE waits for its READ, and END for PLACE",
    "an evicted page's last WRITE is kept":
        "EVICT works under policies that pass STORE over, where a clean page has been fetched since its last WRITE: "
        "that READ waited for the WRITE, and the next one is behind it",
    "END waits for WEIGHTS": "the last pass of each ARRAY starts when its WEIGHTS is done, and END waits for ARRAY",
    "END waits for TAKE": "each WRITE waits for its TAKE, and END for WRITE",
}

_ALL = (
    *_hazards(), *_dispatch(), *_transfers(), *_pages(), *_engines(), *_windows(), *_policies(), *_products(),
    *_pixels(),
)  # fmt: skip
#: Numbered from 1 in this order.
RULES: tuple[Edit, ...] = tuple(replace(edit, proof=_PROOFS.get(edit.rule, "")) for edit in _ALL)
