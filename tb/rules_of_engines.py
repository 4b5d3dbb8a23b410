"""Rules of the engines, of their streams, windows and pixels."""

from __future__ import annotations

from spec.isa import Queue
from tb.mutation import ALWAYS, NEVER, ZERO, Edit, zero_if

__all__ = ["engines", "pixels", "products", "windows"]


def engines() -> list[Edit]:
    """When a queue, an engine or the front end goes on."""
    queue, loader, storer, weights = (f"hw/{name}.py" for name in ("queue", "loader", "storer", "weights"))
    array, post, fetch, front = (f"hw/{name}.py" for name in ("array_engine", "postprocess", "fetch", "frontend"))
    rules = [
        Edit("a push waits for room in its queue", queue, "self.push.ready.eq(«level != self.depth»)", ALWAYS),
        Edit("a command waits for its data", queue, 'with m.Elif(~(«met["data"]» & self.extra)):', ALWAYS),
        Edit("a command waits for its ports", queue, 'with m.Elif(~«met["port"]»):', "MUTANT | OLD"),
        Edit("a command waits for its buffer or half", queue, 'with m.Elif(~«met["half"]»):', "MUTANT | OLD"),
        Edit("ARRAY starts when its first tile is ready", queue, '(met["data"] & «self.extra»)', ALWAYS),
        Edit("PLACE starts when the last word of the one before is out", loader,
             "~fetching & «~self.port.valid»", ALWAYS),
        Edit("PLACE starts when the one before has read its buffer", loader,
             "«~fetching» & ~self.port.valid", ALWAYS),
        Edit("READ and WRITE start when the last burst of the one before is asked for", "hw/bursts.py",
             "return «~valid | (ready & last)»", ALWAYS),
        Edit("TAKE starts when the one before has asked for all words", storer,
             "«~self.port.valid» & ~asked[-1]", ALWAYS),
        Edit("TAKE starts when no word of the one before is under way", storer, "& «~asked[-1] & ~here[-1]»", ALWAYS),
        Edit("WRITE sends no beats of a page that has not started", storer, "axi.wvalid.eq(«(owed != 0)» & ~skip)",
             ALWAYS),
        Edit("a tile is loaded when the shadow registers are free", weights, "(running & «~full» &",
             ALWAYS),
        Edit("in serial mode a tile waits for the end of a pass", weights, "& «~held» &",
             ALWAYS),
        Edit("WEIGHTS starts when the one before is done", weights, "self.ready.eq(«~running»)", ALWAYS),
        Edit("a pass waits for its tile", array, "begin.eq(waiting & «self.tile.ready»)", ALWAYS),
        Edit("ARRAY starts when the one before is done", array, "self.ready.eq(~waiting & «~going» & ~opening)",
             ALWAYS),
        Edit("POST ends with its last row", post, "flow[-1] & «~flow[:-1].any()»", ALWAYS),
        Edit("a program burst waits for room in the buffer", fetch, "«(free >= burst)» &", ALWAYS),
        Edit("a program burst waits for the address before it", fetch, "& «(~axi.arvalid | axi.arready)» &", ALWAYS),
        Edit("an instruction is offered when it is there", fetch, "out.valid.eq(«(stored != taken)» &", ALWAYS),
    ]  # fmt: skip
    rules += [
        Edit(f"END waits for {name.name}", front, "Cat(«self.counts[q] == count» for q, count",
             f"OLD | (MUTANT & (q == Queue.{name.name}))")
        for name in Queue if name is not Queue.SUMS
    ]  # fmt: skip
    return rules


def windows() -> list[Edit]:
    """What passes over a window in the line buffer take."""
    windows, lines, depthwise = (f"hw/{name}.py" for name in ("windows", "linebuffer", "depthwise"))
    return [
        Edit("a large kernel's further passes are made only where a window ends", windows,
             "(self.part == most) | «~(always | complete)»", NEVER),
        Edit("where a window ends all passes are made", windows, "m.d.comb += final.eq((«self.part == most»)",
             "OLD | (MUTANT & lines)"),
        Edit("lines up to the kernel's rows are used", lines, "used = «self.rows > 2 * index + 1» if index else 1",
             NEVER),
        Edit("a multiplier takes in each pass a word of its own", depthwise, "word.eq(«window[x][y]»)",
             "Mux(MUTANT, window[first[0]][first[1]].as_value(), OLD.as_value())"),
        Edit("words beyond the kernel do not count", depthwise,
             "inside.eq(«(x < self.kernel_w) & (y < self.kernel_h)»)", ALWAYS),
        Edit("a word's weights are where its multiplier is in its pass", depthwise,
             "«(taller == more)» & (column == i)", ALWAYS),
        Edit("the sums of a window's passes meet", depthwise, "total.eq(Mux(«begins[2]», part_sum", ALWAYS),
    ]  # fmt: skip


def products() -> list[Edit]:
    """What the array multiplies."""
    array, weights, dispatch = (f"hw/{name}.py" for name in ("array_engine", "weights", "dispatch"))
    return [
        Edit("the zero of INPUT is subtracted", array, "self.read.data[r]) - «less»)", ZERO),
        Edit("a zero of INPUT waits for the words beside it", array, "beside[-16:-8].as_signed(), «beside[-8:]».as",
             "Mux(MUTANT, zero.as_unsigned(), OLD)"),
        Edit("the zero of WEIGHTS is subtracted", weights, "column, word) - «less»)", ZERO),
        Edit("a zero of WEIGHTS waits for the words beside it", weights, "less = «zeros[-len(zero) :]».as_signed()",
             "Mux(MUTANT, zero.as_unsigned(), OLD)"),
        Edit("runs of tiles lie a stride apart", dispatch, "run[name].eq(«self.operands[role][name]»)",
             zero_if("(role is Role.WEIGHTS) & (name == 'stride')")),
        Edit("tiles are turned", dispatch, "weights.turned.eq(«compute.turned»)", NEVER),
        Edit("a turned tile is ready when its columns come", weights, "loaded.eq(Mux(«turned», turning", NEVER),
        Edit("no tile is asked for while one is turned", weights, "& ~held & «~turning»)", ALWAYS),
    ]  # fmt: skip


def pixels() -> list[Edit]:
    """What is multiplied, measured and normalized."""
    statistics, factor, normalize = (f"hw/{name}.py" for name in ("statistics", "factor", "normalize"))
    multiply, post, dispatch = (f"hw/{name}.py" for name in ("multiply", "postprocess", "dispatch"))
    return [
        Edit("a largest lane is the first block's or larger", statistics,
             "Mux(«~self.first & (before.largest > part)», before.largest, part)",
             "Mux(MUTANT, before.largest > part, OLD)"),
        Edit("a sum of exponentials or squares begins with the first block", statistics,
             "joined.total.eq(Mux(«self.first», 0, before.total)", NEVER),
        Edit("a sum of lanes begins with the first block", statistics, "joined.sum.eq(Mux(«self.first», 0, before.sum)",
             NEVER),
        Edit("lanes that do not count are not measured", statistics,
             "counts = «(self.lanes == 0) | (index < self.lanes)»", ALWAYS),
        Edit("padding is measured as pad", statistics, "lane = Mux(«self.padded», self.pad, self.word[index])", NEVER),
        Edit("the place of the next pixel is read ahead", statistics, "ahead.eq(pixel + «self.tap»)", NEVER),
        Edit("exponentials are of the distance from the largest lane", statistics, "apart.eq(«known.largest» - lane)",
             ZERO),
        Edit("MEASURE ends with its last place", statistics, "joins[-1] & «~moves[:-1].any()»", ALWAYS),
        Edit("a closing MEASURE ends with its last factor", statistics, "divide.done & «~divide.more»", ALWAYS),
        Edit("NORMALIZE measures nothing", statistics, "joins.eq(Mux(«self.measuring», moves, 0))", ALWAYS),
        Edit("epsilon is added to a spread", factor, "spread.eq(Mux(self.moments, «self.epsilon», ", ZERO),
        Edit("a sum of exponentials is shifted by a place more if need be", factor, "odd = «~whole[-1]»", NEVER),
        Edit("a shift stays until the next word's first step", normalize,
             "with m.If(«steps[0]»):\n            m.d.sync += shift.eq(self.shift)", "Mux(MUTANT, self.start, OLD)"),
        Edit("MULTIPLY subtracts INPUT's zero", multiply, "- «self.zero»)", ZERO),
        Edit("MULTIPLY subtracts RESIDUAL's zero", multiply, "- «self.other_zero»)", ZERO),
        Edit("MULTIPLY adds nothing", post, "lane.residual.eq(command.residual & «~multiplying»)", ALWAYS),
        Edit("what is measured is not written", post, "flow.eq(Cat(row & «~measuring», flow))", ALWAYS),
        Edit("MEASURE has no residual", dispatch, "post.residual.eq(«compute.last» & compute.residual)", ALWAYS),
    ]  # fmt: skip
