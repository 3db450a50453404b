"""Reads a file as its reader does and prints what it understood, as JSON: read.py READER FILE."""
import csv
import html.parser
import json
import sys
import xml.etree.ElementTree as ElementTree


def expat(path):
    return [[e.tag, e.attrib, e.text] for e in ElementTree.parse(path).getroot()]


def pysubs2(path):
    import pysubs2

    return [[e.start, e.end, e.style, e.plaintext, e.type] for e in pysubs2.load(path)]


def webvtt(path):
    import webvtt

    return [[c.start, c.end, c.lines, c.voice] for c in webvtt.read(path)]


def table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def parquet(path):
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    schema = {field.name: str(field.type) for field in file.schema_arrow}
    codec = file.metadata.row_group(0).column(0).compression if file.metadata.num_row_groups else None
    rows = [{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
            for row in file.read().to_pylist()]
    return {"schema": schema, "groups": file.metadata.num_row_groups, "codec": codec, "rows": rows}


def dplayer(path):
    """The page that DPlayer makes of each text: what is shown, and which tags there are."""
    class Page(html.parser.HTMLParser):
        def __init__(self, text):
            super().__init__()
            self.shown, self.tags = "", []
            self.feed(text)
            self.close()

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

        def handle_data(self, data):
            self.shown += data

    with open(path, encoding="utf-8") as file:
        pages = [Page(text) for *_, text in json.load(file)["data"]]
    return [[page.shown, page.tags] for page in pages]


print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
