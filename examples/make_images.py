"""Draw the pictures in examples/images: six small scenes of our own, the same at every run.

    python examples/make_images.py [FOLDER]

Needs Pillow. Shapes are drawn at three times the size and scaled down, which smooths their edges.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

Colour = tuple[int, int, int] | tuple[int, int, int, int]
Point = tuple[float, float]

SMOOTHING = 3
EDGE = 180  # what Pillow's radial gradient reaches halfway along an edge; 255 is for the corners
WHITE = (246, 242, 234)
RED = (204, 58, 56)


class Scene:
    """A canvas whose unit is a pixel of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.chance = random.Random(width)  # noqa: S311  says where stars stand: the same place each time
        self.image = Image.new("RGB", (width * SMOOTHING, height * SMOOTHING))
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def finished(self) -> Image.Image:
        return self.image.resize((self.width, self.height), Image.Resampling.BOX)

    def blend(self, top: float, bottom: float, *colours: Colour) -> None:
        """Bands of colour that flow into each other, from `top` down to `bottom`."""
        band = (bottom - top) / (len(colours) - 1)
        for n, (above, below) in enumerate(itertools.pairwise(colours)):
            box = self.to_box(0, top + n * band, self.width, top + (n + 1) * band)
            size = (box[2] - box[0], box[3] - box[1])
            mask = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
            flow = Image.composite(Image.new("RGB", size, below[:3]), Image.new("RGB", size, above[:3]), mask)
            self.image.paste(flow, box[:2])

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
        box = self.to_box(x - radius, y - radius, x + radius, y + radius)
        fading = [round(255 * strength * max(0.0, 1 - far / EDGE) ** 2) for far in range(256)]
        mask = Image.radial_gradient("L").point(fading)
        self.image.paste(colour, box, mask.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self.draw.polygon([(x * SMOOTHING, y * SMOOTHING) for x, y in points], fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self.draw.ellipse(self.to_box(x - rx, y - ry, x + rx, y + ry), fill=colour)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, corner: float = 0) -> None:
        box = self.to_box(x, y, x + width, y + height)
        self.draw.rounded_rectangle((*box[:2], box[2] - 1, box[3] - 1), corner * SMOOTHING, fill=colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        scaled = [(x * SMOOTHING, y * SMOOTHING) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(width * SMOOTHING), joint="curve")

    def ridge(self, base: float, rise: float, waves: Sequence[float], colour: Colour) -> None:
        """Hills or waves over the whole width: a sum of sines, filled down to the lower edge."""
        edge = [
            (x, base - rise * sum(math.sin(x / self.width * w + w * w) / len(waves) for w in waves))
            for x in range(0, self.width + 4, 4)
        ]
        self.polygon([(0, self.height), *edge, (self.width, self.height)], colour)

    def stars(self, count: int, lowest: float) -> None:
        for _ in range(count):
            size = self.chance.uniform(0.5, 1.5)
            place = self.chance.uniform(0, self.width), self.chance.uniform(0, lowest)
            self.ellipse(*place, size, size, (255, 255, 240, self.chance.randrange(90, 240)))

    def glitter(self, x: float, top: float, bottom: float, colour: Colour) -> None:
        """The light of a low sun or moon on water, wider towards the viewer."""
        for _ in range(110):
            y = self.chance.uniform(top, bottom)
            nearness = (y - top) / (bottom - top)
            centre = x + self.chance.gauss(0, 10 + 55 * nearness)
            self.ellipse(centre, y, 5 + 22 * nearness * self.chance.random(), 0.8 + 1.6 * nearness, colour)

    def to_box(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        return round(left * SMOOTHING), round(top * SMOOTHING), round(right * SMOOTHING), round(bottom * SMOOTHING)


def lighthouse() -> Scene:
    scene = Scene(960, 540)
    scene.blend(0, 350, (24, 28, 74), (92, 64, 120), (226, 122, 108), (255, 202, 138))
    scene.stars(70, 140)
    scene.glow(300, 345, 240, (255, 226, 160), 0.9)
    scene.ellipse(300, 350, 40, 40, (255, 236, 190))
    scene.blend(350, 540, (206, 134, 128), (84, 70, 118), (26, 32, 70))
    scene.glitter(300, 354, 540, (255, 224, 176, 90))
    scene.polygon([(700, 128), (0, 6), (0, 132)], (255, 244, 190, 40))
    scene.polygon([(700, 128), (0, 40), (0, 100)], (255, 248, 210, 46))
    grass = [(548, 430), (590, 386), (650, 366), (800, 362), (880, 376), (960, 370)]
    scene.polygon([*grass, (960, 540), (500, 540)], (44, 38, 62))
    scene.polygon([*grass, (960, 396), (870, 402), (700, 388), (600, 400)], (72, 92, 80))
    for top, colour in (
        (148, WHITE),
        (181, RED),
        (214, WHITE),
        (247, RED),
        (280, WHITE),
        (313, RED),
        (346, WHITE),
    ):
        low = min(top + 33, 370)
        wide, wider = 16 + (top - 148) * 0.055, 16 + (low - 148) * 0.055
        edges = [(700 - wide, top), (700 + wide, top), (700 + wider, low), (700 - wider, low)]
        scene.polygon(edges, colour)
    scene.polygon([(706, 148), (716, 148), (728, 370), (710, 370)], (30, 20, 60, 70))
    scene.box(678, 142, 44, 8, (52, 44, 66))
    scene.box(687, 112, 26, 30, (255, 244, 190))
    scene.polygon([(680, 114), (700, 92), (720, 114)], RED)
    scene.glow(700, 128, 95, (255, 246, 200), 0.85)
    scene.box(742, 328, 70, 40, (232, 220, 206))
    scene.polygon([(732, 330), (777, 298), (822, 330)], (150, 60, 58))
    for x in (756, 786):
        scene.box(x, 340, 12, 15, (255, 214, 130))
    return scene


def balloon() -> Scene:
    scene = Scene(540, 960)
    scene.blend(0, 800, (52, 128, 206), (126, 188, 234), (226, 238, 240), (255, 226, 190))
    scene.glow(440, 120, 300, (255, 248, 220), 0.8)
    for x, y, size in ((88, 200, 1.0), (452, 520, 1.2), (120, 640, 0.8)):
        for dx, dy, r in ((-46, 6, 24), (-16, -6, 36), (20, -2, 32), (50, 8, 20)):
            scene.ellipse(x + dx * size, y + dy * size, r * size * 1.3, r * size * 0.7, (250, 252, 255))
    for base, colour in (
        (790, (150, 180, 184)),
        (830, (108, 158, 134)),
        (870, (78, 140, 96)),
        (920, (52, 112, 74)),
    ):
        scene.ridge(base, 30, (5.0 + base % 7, 9.0 + base % 5), colour)
    for x, y in ((56, 898), (86, 906), (420, 880), (452, 890), (488, 898)):
        scene.box(x - 2, y, 4, 26, (60, 62, 50))
        scene.ellipse(x, y - 6, 11, 22, (34, 84, 60))
    envelope(scene)
    for x in (-24, -9, 9, 24):
        scene.line([(270 + x, 538), (270 + x * 0.9, 592)], (84, 60, 44), 1.6)
    scene.glow(270, 556, 26, (255, 200, 90))
    scene.box(246, 590, 48, 36, (150, 98, 56), corner=6)
    for y in (600, 610):
        scene.box(246, y, 48, 2, (110, 70, 40))
    scene.box(243, 587, 54, 7, (110, 70, 40), corner=3)
    return scene


def envelope(scene: Scene) -> None:
    """Twelve gores between the seams, which a balloon's round side draws together towards the edges."""
    heights = [165 + step * 3 for step in range(126)]

    def half_width(y: float) -> float:
        if y <= 330:
            return math.sqrt(max(0.0, 165**2 - (330 - y) ** 2))
        return 26 + 139 * math.cos((y - 330) / 210 * math.pi / 2) ** 0.9

    def gore(left: float, right: float, colour: Colour) -> None:
        side = [(270 + left * half_width(y), y) for y in heights]
        scene.polygon(side + [(270 + right * half_width(y), y) for y in reversed(heights)], colour)

    hues: list[Colour] = [(216, 62, 60), (248, 180, 66), (246, 240, 226), (46, 118, 168)]
    seams = [math.sin(math.pi * (n / 12 - 0.5)) for n in range(13)]
    for n, (left, right) in enumerate(itertools.pairwise(seams)):
        gore(left, right, hues[n % 4])
    for edge in (0.45, 0.65, 0.82):
        gore(edge, 1, (40, 20, 60, 34))
    gore(-0.72, -0.5, (255, 255, 255, 44))


def sailing_boat() -> Scene:
    scene = Scene(800, 600)
    scene.blend(0, 360, (40, 138, 212), (132, 200, 238), (224, 242, 246))
    scene.glow(640, 90, 200, (255, 250, 224))
    scene.ellipse(640, 90, 36, 36, (255, 246, 200))
    scene.ridge(352, 16, (4.0, 7.5), (150, 186, 196))
    scene.blend(360, 600, (66, 170, 190), (22, 118, 158), (10, 72, 118))
    for _ in range(70):
        y = scene.chance.uniform(372, 596)
        x, length = scene.chance.uniform(0, 800), 8 + (y - 360) * 0.16
        scene.line([(x, y), (x + length / 2, y - 2), (x + length, y)], (255, 255, 255, 90), 1.6)
    scene.ellipse(385, 492, 190, 12, (8, 60, 96, 120))
    scene.line([(392, 470), (392, 90)], (112, 74, 46), 7)
    scene.polygon([(402, 104), (402, 430), (578, 430), (510, 280)], (250, 246, 236))
    scene.polygon([(402, 250), (402, 312), (524, 312), (498, 250)], RED)
    scene.polygon([(382, 120), (382, 430), (236, 430)], (232, 236, 236))
    scene.polygon([(382, 120), (382, 430), (350, 430)], (206, 216, 220))
    scene.line([(396, 436), (584, 436)], (112, 74, 46), 6)
    scene.polygon([(392, 72), (392, 98), (442, 85)], (250, 186, 60))
    scene.polygon([(204, 448), (602, 448), (556, 506), (258, 506)], (190, 44, 48))
    scene.polygon([(204, 448), (602, 448), (595, 458), (212, 458)], WHITE)
    for x in (320, 390, 460):
        scene.ellipse(x, 478, 9, 9, (255, 232, 190))
    scene.ridge(512, 5, (44.0, 61.0), (30, 124, 164, 150))
    for x, y in ((120, 170), (176, 140), (246, 196)):
        scene.line(
            [(x - 18, y - 8), (x - 8, y - 10), (x, y), (x + 8, y - 10), (x + 18, y - 8)], (70, 90, 110), 2.4
        )
    return scene


def night_forest() -> Scene:
    scene = Scene(720, 720)
    scene.blend(0, 720, (8, 14, 46), (22, 40, 92), (52, 88, 130), (90, 128, 140))
    scene.stars(170, 420)
    scene.glow(500, 170, 300, (196, 214, 250), 0.7)
    scene.ellipse(500, 170, 62, 62, (250, 246, 222))
    for x, y, r in ((482, 150, 12), (520, 190, 9), (512, 146, 6), (478, 192, 7)):
        scene.ellipse(x, y, r, r, (226, 220, 196))
    scene.ridge(500, 40, (5.0, 8.0), (40, 70, 108))
    rows: list[tuple[float, float, int, Colour]] = [
        (560, 120, 15, (30, 58, 88)),
        (630, 190, 11, (18, 42, 62)),
        (740, 330, 7, (8, 22, 34)),
    ]
    for foot, height, count, colour in rows:
        for n in range(count + 1):
            x = 720 * n / count + scene.chance.uniform(-14, 14)
            pine(scene, x, foot, height * scene.chance.uniform(0.7, 1.1), colour)
        scene.polygon([(0, foot - 8), (720, foot - 8), (720, 720), (0, 720)], colour)
    for _ in range(26):
        x, y = scene.chance.uniform(40, 680), scene.chance.uniform(470, 690)
        scene.glow(x, y, scene.chance.uniform(9, 17), (255, 236, 120), 0.9)
        scene.ellipse(x, y, 1.8, 1.8, (255, 252, 206))
    return scene


def pine(scene: Scene, x: float, foot: float, height: float, colour: Colour) -> None:
    """Five tiers, each wider and lower than the one above."""
    for tier in range(5):
        top, low = foot - height + tier * height * 0.17, foot - height + (tier + 1.75) * height * 0.17
        reach = height * (0.07 + 0.035 * tier)
        scene.polygon([(x, top), (x + reach, low), (x + reach * 0.3, low - height * 0.03),
                       (x - reach * 0.3, low - height * 0.03), (x - reach, low)], colour)  # fmt: skip
    scene.box(x - height * 0.02, foot - height * 0.16, height * 0.04, height * 0.16, colour)


def city_skyline() -> Scene:
    scene = Scene(1024, 576)
    scene.blend(0, 430, (46, 30, 92), (144, 58, 130), (238, 106, 110), (255, 186, 120))
    scene.glow(600, 215, 330, (255, 222, 150), 0.9)
    scene.ellipse(600, 215, 62, 62, (255, 228, 164))
    rows: list[tuple[float, float, Colour]] = [
        (250, 40, (150, 74, 126)),
        (200, 52, (92, 48, 108)),
        (130, 62, (38, 26, 66)),
    ]
    for height, width, colour in rows:
        x = -10.0
        while x < 1024:
            wide, tall = width * scene.chance.uniform(0.7, 1.3), height * scene.chance.uniform(0.55, 1.15)
            tower(scene, x, 440 - tall, wide, colour, has_windows=height < 240)
            x += wide + scene.chance.uniform(0, width * 0.25)
    scene.blend(440, 576, (196, 92, 112), (92, 46, 104), (30, 20, 58))
    mirror = scene.image.crop((0, 300 * SMOOTHING, 1024 * SMOOTHING, 440 * SMOOTHING))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((1024 * SMOOTHING, 136 * SMOOTHING))
    scene.image.paste(mirror, (0, 440 * SMOOTHING), Image.new("L", mirror.size, 105))
    for _ in range(150):
        y = scene.chance.uniform(446, 574)
        x, length = scene.chance.uniform(-40, 1024), scene.chance.uniform(14, 60)
        scene.line([(x, y), (x + length, y)], (255, 200, 160, 40), 1.4)
    return scene


def tower(scene: Scene, x: float, top: float, width: float, colour: Colour, *, has_windows: bool) -> None:
    scene.box(x, top, width, 440 - top, colour)
    crown = scene.chance.randrange(4)
    if crown == 0:
        scene.polygon([(x, top + 1), (x + width / 2, top - 22), (x + width, top + 1)], colour)
    elif crown == 1:
        scene.box(x + width * 0.2, top - 14, width * 0.6, 16, colour)
        scene.line([(x + width / 2, top), (x + width / 2, top - 42)], colour, 2)
    if not has_windows:
        return
    for row in range(int((436 - top) // 11)):
        for column in range(int((width - 6) // 9)):
            if scene.chance.random() < 0.42:
                scene.box(
                    x + 5 + column * 9,
                    top + 6 + row * 11,
                    4.4,
                    6,
                    (255, 218, 130, scene.chance.randrange(90, 230)),
                )


def robot() -> Scene:
    scene = Scene(600, 800)
    scene.blend(0, 800, (250, 214, 150), (250, 190, 140), (232, 140, 120))
    scene.glow(300, 330, 380, (255, 246, 214), 0.9)
    scene.box(0, 690, 600, 110, (196, 104, 98))
    scene.ellipse(300, 706, 190, 18, (130, 62, 70, 130))
    steel, shade, dark, teal = (214, 224, 230), (170, 186, 198), (54, 66, 86), (64, 170, 176)
    for side in (-1, 1):
        scene.box(300 + side * 62 - 22, 590, 44, 92, shade, corner=12)
        scene.box(300 + side * 66 - 40, 668, 80, 38, dark, corner=16)
        scene.ellipse(300 + side * 150, 430, 34, 34, dark)
    scene.line([(150, 430), (108, 510), (128, 588)], shade, 30)
    scene.line([(450, 430), (512, 372), (496, 280)], shade, 30)
    for x, y in ((108, 510), (512, 372)):
        scene.ellipse(x, y, 19, 19, dark)
    scene.ellipse(130, 600, 28, 28, teal)
    scene.ellipse(494, 262, 28, 28, teal)
    for lean in (-20, 0, 20):
        scene.line([(494 + lean * 0.6, 244), (494 + lean * 1.3, 210)], teal, 11)
    scene.box(164, 384, 272, 226, steel, corner=42)
    scene.box(360, 384, 76, 226, (170, 186, 198, 150), corner=42)
    scene.box(206, 424, 188, 110, dark, corner=18)
    pulse = [(218, 480), (262, 480), (278, 446), (300, 514), (318, 466), (330, 480), (382, 480)]
    scene.line(pulse, (120, 240, 190), 6)
    for n, light in enumerate((RED, (248, 190, 70), (96, 200, 130))):
        scene.ellipse(250 + n * 50, 570, 14, 14, light)
    scene.box(262, 352, 76, 44, dark, corner=8)
    scene.line([(300, 170), (300, 108)], dark, 9)
    scene.glow(300, 96, 52, (255, 120, 100))
    scene.ellipse(300, 96, 18, 18, RED)
    scene.box(146, 236, 28, 74, teal, corner=12)
    scene.box(426, 236, 28, 74, teal, corner=12)
    scene.box(168, 164, 264, 204, steel, corner=56)
    scene.box(196, 204, 208, 124, dark, corner=40)
    for x in (250, 350):
        scene.glow(x, 252, 52, (110, 230, 240), 0.8)
        scene.ellipse(x, 252, 26, 28, (150, 240, 246))
        scene.ellipse(x + 6, 250, 11, 13, dark)
        scene.ellipse(x + 11, 243, 5, 5, WHITE)
    scene.draw.arc(scene.to_box(268, 268, 332, 312), 20, 160, fill=(150, 240, 246), width=6 * SMOOTHING)
    for x in (222, 378):
        scene.ellipse(x, 296, 13, 8, (240, 120, 120, 150))
    return scene


SCENES: dict[str, Callable[[], Scene]] = {
    "lighthouse.jpg": lighthouse,
    "balloon.jpg": balloon,
    "sailing-boat.png": sailing_boat,
    "night-forest.jpg": night_forest,
    "city-skyline.webp": city_skyline,
    "robot.png": robot,
}


def save(picture: Image.Image, path: Path) -> None:
    if path.suffix == ".png":
        picture.save(path, optimize=True)
    else:
        picture.save(path, quality=88)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in SCENES.items():
        save(draw().finished(), folder / name)
        print(f"{folder / name}: {(folder / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("images"))
