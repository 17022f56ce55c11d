"""Whether a folder holds at least N playable videos as the service makes them: H.264, 24 fps, 24 * d + 1 frames."""

import sys
from pathlib import Path

import av

folder, wanted = Path(sys.argv[1]), int(sys.argv[2])
videos = sorted(folder.glob("*.mp4"))
for video in videos:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        assert stream.codec_context.name == "h264", video
        assert stream.average_rate == 24, (video, stream.average_rate)
        assert frames % 24 == 1, (video, frames)
        assert frames > 1, (video, frames)
        print(f"{video.name}: h264 {stream.width}x{stream.height}, {frames} frames, {video.stat().st_size} bytes")
leftovers = [path.name for path in folder.iterdir() if path.suffix == ".part"]
if len(videos) < wanted or leftovers:
    sys.exit(f"{len(videos)} videos, wanted {wanted}; leftovers: {leftovers}")
