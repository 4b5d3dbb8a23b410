"""Follows one pixel of a digit to one byte of a feature map, and tells it as a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from controller.compiler import compile_graph
from controller.files import write_whole
from controller.graph import Convolution
from controller.journey import Journey, Moment, pixel_of, place_of
from controller.network.digits import INPUT, load_images
from controller.quantized import quantize_inputs
from controller.read import read
from controller.reference import Reference
from sim.machine import Machine
from spec.config import CONFIGS
from spec.isa import Queue

if TYPE_CHECKING:
    from controller.journey import Place
    from sim.machine import Run
    from spec.config import Config

#: The pixel of test image 0, and the output channel, that are followed.
ROW, COLUMN, CHANNEL = 3, 4, 5

_PAGE = """\
# One byte

One pixel of the first test image on its way through the first convolution of the digits network, on
`{config.name}`: row {row}, column {column}, to output channel {channel}. Every number is of the golden model's
run, and the RTL's are the same. `make byte` writes this page.

## From a float to a byte

1. **ONNX.** `{input}[0, 0, {row}, {column}]` is {real}.
2. **Quantized.** rint({real} / {source_scale}) + {source_zero} = {integer}, in uint8; onnxruntime has the same
   in `{source.name}`.
3. **Stored.** {integer} - 128 = {byte}: the machine has only int8, and the zero point becomes {source.zero}.

## From DRAM to a bank

4. **Word and lane.** A word is {config.rows} channels of a pixel. This pixel is word {here.word} of its tensor,
   in lane {here.lane}; the other lanes are empty, for the image has one channel.
5. **Page.** {config.page_words} words of {config.rows} bytes are a page of {config.page_bytes} bytes. The
   tensor begins on page {first_page} of DRAM, so the byte lies on page {here.page}, at {here.address:#x}. There
   is {in_dram:#04x}.
6. **Burst.** {fetch} has it fetched by {read_burst}.
7. **Bank.** {fill} writes the page to {fill_frame}. Virtual page {virtual_page} leads there, so the word's
   virtual address is {virtual_page} x {config.page_words} + {word_in_page} = {virtual}.

## Through the array

8. **Command.** {array} computes {pixels} pixels of {config.cols} channels in {passes} passes, one for each tap
   of the {kernel}x{kernel} kernel. Ours is pixel {pixel} of the tile; channel {channel} is column {there.lane}
   of block {block}.
9. **Processing element.** In pass {product.tap}, which is kernel row {tap[0]}, column {tap[1]}, the word enters
   the array for that pixel. The element in row {here.lane}, column {there.lane} holds the weight
   {product.weight} and adds {product.activation} x {product.weight} = {alone}. The rows of the empty lanes hold
   weights of 0.
10. **Accumulator.** Half {half}, row {pixel}, column {there.lane}: {product.before} before the pass,
    {product.after} after it, {product.total} after all.

## Requantization

11. **Command.** {post} drains the half, a row a cycle.
12. **Bias.** {product.total} + {made.bias} = {biased}. What the input's zero point adds up to is in the bias.
13. **Scale.** {biased} x {made.scale} = {made.scaled} in float32, which is {made.rounded} when rounded half to
    even.
14. **Zero point and clamp.** {made.rounded} + {made.zero} = {moved}, within {low} to {high}: the byte is
    {made.byte}.

## Back to DRAM

15. **Word and lane.** Channel {channel} of the pixel is lane {there.lane} of word {there.word} of its tensor,
    on page {there.page} of DRAM. The engine writes it to {take_frame}.
16. **Burst.** {take} reads the frame, and {write} has it stored by {write_burst}.
17. **ONNX.** DRAM then holds {out_dram:#04x} at {there.address:#x}: {made.byte} stored, {made.byte} + 128 =
    {out_integer} to ONNX, ({out_integer} - {result_zero}) x {result_scale} = {out_real} as a float.
    onnxruntime's `{result.name}[0, {channel}, {row}, {column}]` is {theirs}.
"""


def page(model: Path) -> str:
    """The page, from a run of the digits network on the smallest machine."""
    _, images = load_images()
    inputs = {INPUT: images.pixels[:1]}
    graph, config = read(model), CONFIGS["tiny"]
    compiled = compile_graph(graph, config)
    convolution = graph.nodes[0]
    assert isinstance(convolution, Convolution)
    source, result = convolution.source, convolution.result
    stored = quantize_inputs(graph, inputs)
    dram = compiled.load(stored)
    run = Machine(config).run(compiled.program, dram.copy(), address=compiled.program_address)
    reference = Reference(model, every=True).run(inputs)
    integer = int(reference[source.name][0, 0, ROW, COLUMN])
    theirs = int(reference[result.name][0, CHANNEL, ROW, COLUMN])

    here = place_of(compiled, source.name, ROW, COLUMN, 0)
    there = place_of(compiled, result.name, ROW, COLUMN, CHANNEL)
    in_dram = int(dram[here.address])
    journey = Journey(compiled, dram)
    write = journey.first(Queue.WRITE, address=there.page * config.page_bytes)
    take = journey.last(Queue.TAKE, write)
    post, pixel = _writer(journey, take, there, config)
    array = journey.last(Queue.ARRAY, post, half=post.command.work["half"])
    fetch = journey.last(Queue.READ, array, address=here.page * config.page_bytes)
    fill = journey.first(Queue.PLACE, fetch)
    virtual = _virtual(array, fill.command.work["frame"], here.word, config)
    product = journey.multiplication(array, virtual, pixel, here.lane, there.lane)
    made = journey.requantization(post, pixel, there.lane, product.total)

    out_dram, byte = int(dram[there.address]), int(stored[INPUT][0, 0, ROW, COLUMN])
    agreed = (integer - 128, in_dram, product.activation) == (byte, byte % 256, byte)
    agreed &= (theirs - 128, out_dram) == (made.byte, made.byte % 256)
    assert agreed, "the byte on its way must be the byte that the layout and onnxruntime say"
    kernel, work, drain = convolution.weights.shape[2], array.command.work, post.command.work
    scale, out_integer = np.float32(result.scale), made.byte + result.offset
    return _PAGE.format(
        config=config, row=ROW, column=COLUMN, channel=CHANNEL, input=INPUT, source=source, result=result, here=here,
        there=there, product=product, made=made, byte=byte, integer=integer, theirs=theirs, in_dram=in_dram,
        out_dram=out_dram, out_integer=out_integer, result_scale=scale, pixel=pixel, kernel=kernel, virtual=virtual,
        real=float(inputs[INPUT][0, 0, ROW, COLUMN]), source_scale=np.float32(source.scale),
        source_zero=source.zero + source.offset, result_zero=result.zero + result.offset,
        out_real=np.float32(made.byte - result.zero) * scale,
        first_page=here.page - here.word // config.page_words, word_in_page=here.word % config.page_words,
        virtual_page=virtual // config.page_words, block=CHANNEL // config.cols, tap=divmod(product.tap, kernel),
        alone=product.activation * product.weight, pixels=work["pixels"], passes=work["tiles"], half=work["half"],
        biased=product.total + made.bias, moved=made.rounded + made.zero, low=drain["low_a"], high=drain["high_a"],
        fetch=_command(run, fetch), fill=_command(run, fill), array=_command(run, array), post=_command(run, post),
        take=_command(run, take), write=_command(run, write), fill_frame=_frame(config, fill),
        take_frame=_frame(config, take), read_burst=_burst(run, config, "R", here),
        write_burst=_burst(run, config, "W", there),
    )  # fmt: skip


def _writer(journey: Journey, take: Moment, there: Place, config: Config) -> tuple[Moment, int]:
    """The POST command that wrote the byte which a TAKE takes, and its pixel."""
    address = _virtual(take, take.command.work["frame"], there.word, config)
    for moment in journey.moments[journey.moments.index(take) :: -1]:
        if moment.command.queue is Queue.POST:
            pixel = pixel_of(moment.command, address)
            if pixel is not None:
                return moment, pixel
    raise AssertionError("every page that is written back was written")


def _virtual(moment: Moment, frame: int, word: int, config: Config) -> int:
    """The virtual address of a word whose page lies in a frame."""
    [virtual] = np.flatnonzero(moment.table == frame).tolist()
    return int(virtual) * config.page_words + word % config.page_words


def _command(run: Run, moment: Moment) -> str:
    queue, index = moment.command.queue, moment.command.index
    record = next(one for one in run.commands if (one.queue, one.index) == (queue, index))
    return f"{queue.name} {index}, in cycles {record.start:,} to {record.finish:,},"


def _frame(config: Config, moment: Moment) -> str:
    frame = moment.command.work["frame"]
    bank, place = divmod(frame, config.bank_frames)
    return f"frame {frame}, which is frame {place} of bank {bank}"


def _burst(run: Run, config: Config, kind: str, place: Place) -> str:
    burst = next(
        one
        for one in run.transactions
        if one.kind == kind and one.address <= place.address < one.address + one.beats * config.bus_bytes
    )
    beat, lane = divmod(place.address - burst.address, config.bus_bytes)
    return (
        f"a burst of {burst.beats} beats of {config.bus_bytes} bytes at {burst.address:#x}, whose address is taken in "
        f"cycle {burst.cycle:,}; the byte is in beat {beat}, byte {lane} of the bus"
    )


def main() -> int:
    """Write the page of the model named first to the file named second, and print it."""
    model, file = map(Path, sys.argv[1:])
    text = page(model)
    write_whole(file, text.encode())
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
