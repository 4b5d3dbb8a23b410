"""Rules of the front end: what is waited for, what is moved, and which pages stay."""

from __future__ import annotations

from tb.mutation import ALWAYS, NEVER, ZERO, Edit, zero_if

__all__ = ["dispatch", "hazards", "pages", "policies", "transfers"]


def hazards() -> list[Edit]:
    """What is remembered of frames and ports."""
    file = "hw/hazards.py"
    queue = "(queue == Queue.{}".format
    rules = []
    for name in ("PLACE", "POST"):
        writer = zero_if(f"{queue(name)})")
        rules += [
            Edit(f"a reader of a frame waits for {name}, its last writer", file,
                 "self.before_reading[queue].eq(«count»)", writer),
            Edit(f"a writer of a frame waits for {name}, its last writer", file,
                 "self.before_writing[queue].eq(«count»)", writer),
        ]  # fmt: skip
    rules += [
        Edit(f"a writer of a frame waits for {name}, its last reader", file,
             "with m.If(«old.readers[i].any()»):", zero_if(f"{queue(name)})"))
        for name in ("WEIGHTS", "ARRAY", "POST", "TAKE")
    ]  # fmt: skip
    for ports, names in (("read_ports", ("WEIGHTS", "ARRAY", "POST", "TAKE")), ("write_ports", ("PLACE", "POST"))):
        rules += [
            Edit(f"who uses a port next waits for {name}, its last user ({ports[:-6]})", file,
                 "before[queue].eq(Mux(«old_user.queue == queue», old_user.count, 0))",
                 zero_if(f"(name == {ports!r}) & {queue(name)})"))
            for name in names
        ]  # fmt: skip
    rules.append(Edit("a writer of a frame is remembered", file, "with m.If(«ask.writes»):", NEVER))
    return rules


def dispatch() -> list[Edit]:
    """What WEIGHTS, ARRAY and POST wait for."""
    file = "hw/dispatch.py"
    raised = "with m.If(«before[q] > waits[q]»):"

    def dropped(kind: str, queue: str, other: str, before: str) -> str:
        return zero_if(f"(waits is {kind}[Queue.{queue}]) & (q == Queue.{other}) & (before is self.{before})")

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
        Edit("of several waits for a queue the latest counts", file, raised, ALWAYS),
        Edit("POST waits for the sums that it drains", file,
             "self.post.payload.data[Queue.SUMS].eq(«self.pushed[Queue.ARRAY]»)", ZERO),
        Edit("ARRAY waits until its half is drained", file, "self.array.payload.half.eq(«drained[half]»)", ZERO),
        Edit("who drains a half is remembered", file, "drained[half].eq(«counts[Queue.POST]»)",
             "Mux(MUTANT, drained[half], OLD)"),
        Edit("new sums go to the other half", file, "half.eq(«half ^ (array & compute.first)»)",
             "Mux(MUTANT, half, OLD)"),
        Edit("weights that share a bank with inputs are loaded between passes", file, "weights.serial.eq(«shared»)",
             NEVER),
        Edit("POST is remembered as a bank's writer", file, "self.hazards.takes_write.eq(«1»)", NEVER),
    ]  # fmt: skip
    rules += [
        Edit(f"{queue} is remembered as a bank's reader", file, "self.hazards.takes_read.eq(«1»)",
             zero_if(f"queue == Queue.{queue}"))
        for queue in readers[:3]
    ]  # fmt: skip
    return rules


def transfers() -> list[Edit]:
    """What READ, PLACE, TAKE and WRITE wait for."""
    file = "hw/transfers.py"

    def dropped(queue: str) -> str:
        return f"{{q: Mux(MUTANT & (q == Queue.{queue}), 0, count) for q, count in (OLD).items()}}"

    half = "payload.half.eq(«Mux(counts[queue] > buffers, left, 0)»)"
    rules = [
        Edit("READ waits for the last WRITE of its page", file, "data={Queue.WRITE: «job.store»}", ZERO),
        Edit("READ waits for a free buffer", file, half, zero_if("queue == Queue.READ")),
        Edit("TAKE waits for a free buffer", file, half, zero_if("queue == Queue.TAKE")),
        Edit("PLACE waits for its READ", file, "{Queue.READ: «counts[Queue.PLACE]»}", ZERO),
        Edit("WRITE waits for its TAKE", file, "{Queue.TAKE: «counts[Queue.WRITE]»}", ZERO),
        Edit("PLACE is remembered as a frame's writer", file, "self.hazards.writes.eq(«1»)", NEVER),
        Edit("PLACE is remembered as a bank's writer", file, "self.hazards.takes_write.eq(«1»)", NEVER),
        Edit("TAKE is remembered as a frame's reader", file, "self.hazards.reads.eq(«1»)", NEVER),
        Edit("TAKE is remembered as a bank's reader", file, "self.hazards.takes_read.eq(«1»)", NEVER),
        Edit("a page's last WRITE is remembered", file, "self.directory.entry.store.eq(«counts[Queue.WRITE]»)", ZERO),
        Edit("a page that was written back is in DRAM", file, "self.directory.entry.home.eq(«1»)", NEVER),
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


def pages() -> list[Edit]:
    """What the allocator keeps of pages, and from whom."""
    settle, eviction, release, bind = (f"hw/{name}.py" for name in ("settle", "eviction", "release", "bind"))
    kept = "self.directory.entry.{}.eq(«page.{}»),".format
    return [
        Edit("a page is mapped anew only when ARRAY no longer translates it", settle,
             "(«self.counts[Queue.ARRAY] >= users.array») &", ALWAYS),
        Edit("a page is mapped anew only when POST no longer translates it", settle,
             "& («self.counts[Queue.POST] >= users.post»)", ALWAYS),
        Edit("ARRAY is remembered as a page's translator", settle, "self.directory.users.array.eq(«self.user.count»)",
             "Mux(MUTANT, users.array, OLD)"),
        Edit("POST is remembered as a page's translator", settle, "self.directory.users.post.eq(«self.user.count»)",
             "Mux(MUTANT, users.post, OLD)"),
        Edit("a slot is looked up again after an eviction", settle,
             "m.d.comb += [self.slots.look.eq(«1»), self.slots.slot.eq(self.slot)]\n                with m.If((self",
             NEVER),
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
        Edit("EVICT gives a frame back", settle, "self.give.eq(«1»), self.slots.reside.eq(1), self.slots.to", NEVER),
        Edit("an evicted page's last WRITE is kept", settle,
             "self.directory.entry.store.eq(«self.entry.store»),", ZERO),
        Edit("an evicted page's home is kept", settle, "self.directory.entry.home.eq(«self.entry.home»),", NEVER),
        Edit("pages of the current COMPUTE are no victims", eviction, "victim = page.present & «~self.marked»",
             ALWAYS),
        Edit("each COMPUTE marks its own pages", eviction, "with m.If(«self.renew»):", NEVER),
        Edit("a dirty victim is written back", eviction, "with m.If(«page.dirty»):", NEVER),
        Edit("a victim's last WRITE is kept", eviction, kept("store", "store"), ZERO),
        Edit("a victim's home is kept", eviction, kept("home", "home"), NEVER),
        Edit("a dirty page that is live is written back when it is released", release,
             "with m.If(«page.present & page.dirty & saves»):", NEVER),
        Edit("outputs are written back at the end", release,
             "saves.eq(live | («outputs & (self.binding.tensor_class == TensorClass.OUTPUT)»)),", NEVER),
        Edit("a released page's last WRITE is kept", release, kept("store", "store"), ZERO),
        Edit("a released page's home is kept", release, kept("home", "home"), NEVER),
        Edit("a released page gives its frame back", release, "self.give.eq(«page.present»)", NEVER),
        Edit("fills of what the machine writes wait for all WRITEs before BIND", bind,
             "self.directory.entry.store.eq(«Mux(written, self.stores, 0)»)", ZERO),
        Edit("BIND says what is in DRAM", bind, "self.directory.entry.home.eq(«fields.home»)", NEVER),
    ]  # fmt: skip


def policies() -> list[Edit]:
    """Who gives up a page, and what is known of it."""
    rank, quota, history, notes = (f"hw/{name}.py" for name in ("rank", "quota", "history", "operands"))
    dispatch, free, allocator = (f"hw/{name}.py" for name in ("dispatch", "freelist", "allocator"))
    return [
        Edit("some frames stay free", free, "self.short.eq(«self.count < reserve(c)»)", NEVER),
        Edit("under none no frames need stay free", allocator,
             "visitor.short.eq((«self.policy != Policy.NONE») & free.short)", ALWAYS),
        Edit("a victim for the reserve joins the free frames", allocator, "joins.eq(«eviction.done & visitor.ahead»)",
             NEVER),
        Edit("weights stay out of the banks of inputs", dispatch, "self.avoid.eq(«reads[Queue.ARRAY]»)", ZERO),
        Edit("inputs stay out of the banks of the weights before", dispatch, "self.avoid.eq(«before»)", ZERO),
        Edit("banks to be avoided are taken if no other has a frame", free,
             "with m.If(«(filled & ~self.avoid).any()»):", ALWAYS),
        Edit("under none no bank is avoided", allocator,
             "avoid = Mux(«(self.policy == Policy.NONE) | self.visit.prefetch», 0, self.avoid)",
             "OLD & ~(MUTANT & (self.policy == Policy.NONE))"),
        Edit("static: a group that has its quota gives up its own", quota,
             "self.full.eq(«counts[group] >= limits[group]»)",
             NEVER),
        Edit("static: the tensor bound first goes first", rank, "key.eq(«self.binding.order»)", ZERO),
        Edit("lru: the tensor named longest ago goes first", rank,
             "with m.Default():\n                m.d.comb += key.eq(«used»)",
             ZERO),
        Edit("frequency: the page named least often goes first", rank,
             "(self.policy == Policy.FREQUENCY) & «(less != more)»",
             NEVER),
        Edit("frequency: uses are counted", notes,
             "uses.eq(self.usage.uses + «(self.usage.uses != MOST_USES)»)", NEVER),
        Edit("eager: the tensor that stays away longest goes first", rank, "key.eq(«~away»)", ZERO),
        Edit("eager: who is late stays away for as long again", rank, "Mux(«due >= self.stamp», due", ALWAYS),
        Edit("eager: what was learned is recalled", history, "Mux(«found», read.data.distance, 0)", NEVER),
        Edit("eager: a tensor that came back is learned from", history, "learns.eq(«begins & ~fresh»)", NEVER),
        Edit("eager: another operator begins a phase", history,
             "(fresh | «(old.operator != self.operator)»)", NEVER),
        Edit("directed: a tensor that never returns goes first", rank, "Mux(«distance == NEVER»,", NEVER),
        Edit("directed: the tensor due last goes first", rank, "key.eq(Cat(~«latest»,", ZERO),
        Edit("directed: a pinned tensor goes last", rank, "Cat(~latest, «self.usage.pinned»)", ZERO),
    ]  # fmt: skip
