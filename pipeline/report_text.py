"""What a report says besides numbers: how it looks, and what the numbers mean."""

from __future__ import annotations

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 960px;
    margin: 32px auto; padding: 0 24px }
h1 { font-size: 26px; line-height: 1.25; overflow-wrap: anywhere } h2 { font-size: 19px; margin-top: 36px } h3 { font-size: 16px }
figure { margin: 0 } figure svg { width: 100%; height: auto } figcaption, .note { color: #5b6470; font-size: 13px }
table { border-collapse: collapse; width: 100%; font-size: 14px }
th { text-align: left; color: #5b6470; font-weight: 600; border-bottom: 1px solid #b4bac3; padding: 6px 10px 6px 0 }
td { border-bottom: 1px solid #e3e6ea; padding: 5px 10px 5px 0; overflow-wrap: anywhere }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 8px }
dl { display: grid; grid-template-columns: minmax(140px, max-content) 1fr; gap: 4px 20px } dt { color: #5b6470 }
dd { margin: 0; overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none } tr, figure { break-inside: avoid } }
"""

MEANING = """\
<p>An age is an <strong>estimate by a network that looks at faces</strong>: how old most people of that looks were among the
pictures that it learned from. It is often wrong by several years, and more so for faces that are small, turned away or badly
lit, and for old people. Somebody who looks younger than they are does so in every picture: more pictures make the number
steadier, not truer.</p>
<p>The <strong>90 % interval</strong> holds the true age in about nine of ten cases like those on which it was measured. For
other people, other cameras and other light it may hold less often. Where it is wide, the program does not know better.</p>
<p>A <strong>person</strong> is somebody whom the program followed through the picture. Where it lost and did not recognise
them, one human being is several persons here; where two look alike, two may be one. <em>In sight</em> leaves out absences of
more than a second, <em>times</em> is how often the person came into sight, <em>looks</em> is how often the network was
asked.</p>
<p><strong>Do not decide about anybody by these numbers</strong>: not about access, not about work, and least of all whether
somebody is of age. They say nothing about who somebody is. This file holds no picture of anybody, and names only where the
user typed them.</p>
"""
