"""How much lies in a folder that all processes share, and how much room is left beside it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

FRESH_SECONDS = 2.0
SHARE_OF_TIME = 0.01
"""Documents may be a hundred thousand: measuring takes no more than this share of a processor."""


class FolderSize:
    """Measured when somebody asks and it is worth it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._again, self._bytes = float("-inf"), 0

    def used(self) -> float:
        """Bytes of all files in it; 0 where there is no folder yet."""
        with self._lock:
            began = time.monotonic()
            if began >= self._again:
                self._bytes = _size(str(self._folder))
                ended = time.monotonic()
                self._again = ended + max(FRESH_SECONDS, (ended - began) / SHARE_OF_TIME)
            return self._bytes

    def free(self) -> float:
        """Bytes that may still be written on its file system."""
        folder = self._folder.absolute()
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free


def _size(folder: str) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    total += _size(entry.path) if is_folder else entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # it was deleted meanwhile
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return total
    return total
