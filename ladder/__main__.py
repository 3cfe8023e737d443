"""The entry point of `vae-ladder`: Ctrl-C and SIGTERM have their answer before anything else is imported."""

import os
import sys
from types import FrameType

NOTHING_WRITTEN = "vae-ladder: stopped before anything was written\n"


def main() -> int:
    """Run the process's command line; the exit code.

    The command's modules take a tenth of a second to import. A signal ends the process in that time at once: an
    exception could be lost in the middle of an import, and nothing has been written that would have to be kept.
    """
    try:
        import signal  # here, since this import, too, takes a millisecond

        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, stop)
        from ladder import cli
    except KeyboardInterrupt:
        stop()
    return cli.main()


def stop(number: int = 0, frame: FrameType | None = None) -> None:
    """End the process: in one line, and with the exit code of a command that was stopped."""
    os.write(2, NOTHING_WRITTEN.encode())
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
