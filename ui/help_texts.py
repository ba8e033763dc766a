"""What the help says, as Markdown. The first-run notice shows the beginning of two of these texts."""

from __future__ import annotations

NUMBERS_BRIEF = """\
A label such as **34 (28–41)** is an estimate with its uncertainty: how old the face looks to a network, and a range that holds
the true age in about nine of ten cases. The network is often wrong by several years, and more so for small, turned or badly lit
faces and for old people. It says nothing about who somebody is.

**Do not decide about anybody by it**: not about access, not about work, and least of all whether somebody is of age.
"""

PRIVACY_BRIEF = """\
**Everything stays on this computer.** AgeLens opens no network connection but to a camera whose address you enter, and sends
nothing to anybody. Pictures are kept in memory only, unless you record. Whoever is filmed has rights all the same: ask before you
point a camera at people.
"""

NUMBERS = f"""\
# What the numbers mean

{NUMBERS_BRIEF}

## The label

- **34** is the estimate in years: how old most people of that looks are, by the pictures the network learned from.
- **(28–41)** is the 90 % interval. A wide one means: the program does not know better.
- **estimating…** means that there is not enough evidence yet to show a number.
- A word such as **small face**, **blurred** or **turned away** says why the estimate rests on little.

The number steadies with more pictures of a person. It does not become true thereby: somebody who looks younger than they are does
so in every picture.

## Where it errs

- Faces under about 40 pixels, turned away, in strong side light, behind hands or masks.
- Old people: there were few to learn from, and they are taken for younger than they are.
- Make-up, filters, retouching, illness, strong emotion.
- Everybody who was rare in the training pictures. The model card says what is known about groups, and what was not measured.

## Persons and tracks

A person in the list is somebody whom the program followed through the picture. Where it lost them and they came back, they may
appear twice; where two people look alike, they may be taken for one. The list can be corrected by hand.

## The figures at the bottom

- **fps analysed** and **shown**: pictures a second. Where a film has more than the computer can analyse, some are left out, and
  the status bar says so.
- **ms late**: the time from reading a picture to its appearance on the screen.
- **Engine**: what computes the ages, in which arithmetic, and in its tool tip why no faster one.

The display of timings over the picture (F12) tells for each stage how long half of the pictures took at most (p50), and
nineteen of twenty (p95).
"""

PRIVACY = f"""\
# Privacy

{PRIVACY_BRIEF}

## What is kept, and where

- **Pictures**: nowhere, unless you record a film or save a picture yourself. What the window shows is gone when you stop.
- **The log**: times, places in the picture, ages, the name of the source without folders and passwords, and names of persons
  if you typed any. No pictures. It is one file on this computer; sessions can be deleted there for good.
- **What tells persons apart** (face embeddings) is biometric data. It is held in memory while a source runs and never written.
- **Settings**: your choices, the window's place, and which source was opened last, without passwords.

## What is sent

Nothing. There is no telemetry, no account, no update check. The only connections are those to network cameras that you open.

## A report of an error

*Copy report* leaves out names of files, folders, cameras and addresses, your user name and the computer's. Read it before you
pass it on: it is plain text.
"""
