"""Why places of the emitted hardware were not reached: each reason, and a pattern of the places that it holds for.

A place is a unit, the module of the emitted Verilog, and a register with its bit or a statement. The first pattern
that fits counts.
"""

_WAY = r".* (line|branch) "
HOLES = {
    "cannot be: POST, PLACE and WEIGHTS wait for no half, READ for no port, WRITE for neither": r"^hw\.queue " + _WAY,
    "cannot be: what is written back on release is a whole tensor, and a range without pages has no first one":
        r"^hw\.release " + _WAY,
    "cannot be, but for a range of nothing after a refusal: a walk begins when the one before is done, and operands "
    "have runs":
        r"^hw\.pagewalk " + _WAY,
    "cannot be: only POST writes": r"^hw\.dispatch " + _WAY,
    "cannot be: what was learned is read in every cycle": r"^hw\.history " + _WAY,
    "cannot be: of a delay line each stage keeps what lanes behind it need, and what lies below stays 0":
        r"^hw\.array ",
    "hosts here write whole words and do not read CONTROL; [tb/test_csr.py](../tb/test_csr.py) has those that do":
        r"^hw\.csr " + _WAY,
    "ends of float32's range that take a total of -2^31, or factors beyond those that programs here have; "
    "[tb/test_float32.py](../tb/test_float32.py) and [tb/test_fused.py](../tb/test_fused.py) have them":
        r"^hw\.(conversion|fused) ",
    "few taps and few channels: last bits of a float32's sum, first ones of sums over channels and of what is made of "
    "them, exponents of borders; [tb/test_average.py](../tb/test_average.py), "
    "[tb/test_statistics.py](../tb/test_statistics.py) and [tb/test_factor.py](../tb/test_factor.py) have others":
        r"^hw\.(average|statistics|factor) ",
    "addresses: multiples of pages, bursts or instructions, in memories of 4 MiB; windows and settings that hold some":
        r"^hw\.(loader|storer|fault|csr) |^hw\.fetch .*(araddr|arriving)|^hw\.decode .* (at|following) "
        r"|^hw\.transfers .* \$signal ",
    "registers of instructions: opcodes, always the same, and high bits of fields that are small here": r"^hw\.decode ",
    "counts, of 32 bits each, of which programs of some thousand cycles use the lowest; and counts of queues that are "
    "not waited for":
        r"^hw\.(dispatch|settle|completions|counters|fetch|frontend|transfers|history) |^hw\.bind .* binds ",
    "sizes: tensors here have some pages, kernels, maps and tiles some rows; high bits of these, of what counts them, "
    "and of what is swept":
        r"^hw\.(bind|check|depthwise|eviction|pagewalk|postprocess|quota|release|stream|walker|watchdog|weights|windows"
        r"|wipe) ",
}  # fmt: skip
