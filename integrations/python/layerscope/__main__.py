"""``python -m layerscope FILE...``: sends spool files that an earlier run left."""

import sys

from ._send import send_file


def main(files):
    if not files:
        print("usage: python -m layerscope SPOOL_FILE...", file=sys.stderr)
        return 2
    status = 0
    for file in files:
        try:
            sent, lost = send_file(file)
            print(f"{file}: {sent} records sent, {lost} refused")
            status = max(status, 1 if lost else 0)
        except (OSError, ValueError) as error:
            print(f"layerscope: {file}: {error}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
