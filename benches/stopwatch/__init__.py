"""The stopwatch: how long after a frame leaves the camera are its pixels on the screen?

A feed hands frames, each bearing its number as a barcode, to a sender at a fixed rate; a viewer shows them
on a private Xvfb; the watcher reads Xvfb's own frame buffer and notes when each number is first visible.
Both ends run on one clock, so that nothing has to be in step, and the programs are black boxes: ours and
other people's are measured alike.

    barcode   a number in a picture, and back          pictures  what is fed: JPEG or raw, numbered
    screen    Xvfb and its frame buffer                network   loopback, a slow cable, a long path
    program   a process: its CPU, memory, figures      pairs     viewers and senders by name
    trial     one measurement, from set-up to clean-up report    tables, limits, JSON lines
    groups/   what scripts/bench promises, group by group

Run it with scripts/bench, which installs and builds what this needs.
"""
