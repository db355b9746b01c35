"""`sms-credits segment` and `quote`, as programs call them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook

from webapp.cli import group
from webapp.pricing import plugins

VECTORS = Path(__file__).with_name("data") / "segmentation-vectors.jsonl"


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(group, list(arguments), input=given)


def test_the_vectors_are_counted_line_by_line():
    vectors = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
    keys = ("text", "concat_ref_bits", "rule", "tables", "normalise")
    given = "\n".join(
        json.dumps({key: vector[key] for key in keys}, ensure_ascii=False) for vector in vectors
    )
    answers = [
        json.loads(line) for line in run("segment", "--jsonl", given=given.encode()).stdout.splitlines()
    ]
    assert len(answers) == len(vectors)
    for vector, answer in zip(vectors, answers, strict=True):
        expected = {key: vector[key] for key in ("encoding", "units", "segments")}
        assert {key: answer[key] for key in expected} == expected
        assert vector["used"] is None or answer["used"] == vector["used"]
        assert answer["over_limit"] == (answer["segments"] > 10)


def test_only_the_text_is_needed_and_normalised():
    answer = json.loads(run("segment", "--jsonl", given='{"text": "e\\u0301\\r\\n"}').stdout)
    assert answer == {"encoding": "GSM-7", "units": 2, "segments": 1, "used": [2], "over_limit": False}


def test_a_text_is_counted_as_given_only_where_the_line_says_so():
    lines = "".join(
        json.dumps({"text": "e\u0301", "normalise": value}) + "\n" for value in (False, None, True)
    )
    answers = [json.loads(line) for line in run("segment", "--jsonl", given=lines).stdout.splitlines()]
    assert [answer["encoding"] for answer in answers] == ["UCS-2", "GSM-7", "GSM-7"]


def test_a_line_that_is_not_utf_8_is_refused_by_its_number():
    result = run("segment", "--jsonl", given=b'{"text": "ok"}\n{"text": "\xff"}\n')
    assert result.exit_code == 1
    assert "Line 2 cannot be counted" in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"text": 5}',
        '{"text": "a", "rule": "word"}',
        '{"text": "a", "concat_ref_bits": 9}',
        '{"text": "a", "tables": {"lock": "klingon", "shift": "default"}}',
        '{"text": "a", "tables": {"lock": "turkish"}}',
        '{"text": "a", "tables": {"lock": "spanish", "shift": "default"}}',
        '{"text": "a", "tables": "turkish"}',
    ],
)
def test_a_line_that_cannot_be_counted_is_refused_by_its_number(line):
    result = run("segment", "--jsonl", given='{"text": "ok"}\n' + line)
    assert result.exit_code == 1
    assert "Line 2 cannot be counted" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_text_is_explained_to_a_person():
    result = run("segment", "It’s €")
    assert "UCS-2: 6 units, 1 segments" in result.stdout
    assert "RIGHT SINGLE QUOTATION MARK" in result.stdout


def test_wrong_use_has_status_2():
    assert run("segment").exit_code == 2
    assert run("segment", "text", "--jsonl").exit_code == 2
    assert run("quote", "--text", "Hi").exit_code == 2


CSV = """Phone;first_name
+393471234567;Ada
347 123 4568;
+4915123456789;Łukasz

nonsense;x
+393471234567;Again
"""


def test_a_file_is_priced_without_a_database(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    path = tmp_path / "people.csv"
    path.write_text(CSV, "utf-8")
    result = run(
        "quote", "--text", "Hi {first_name|friend}", "--recipients", str(path), "--country", "IT", "--json"
    )
    assert result.exit_code == 0, result.stderr
    quoted = json.loads(result.stdout)
    assert (quoted["credits"], quoted["recipients"]) == (2 + 2 + 5, 3)
    assert {reason: count for reason, count in quoted["excluded"].items() if count} == {
        "invalid": 1,
        "duplicate": 1,
    }
    assert [(line["country"], line["credits"]) for line in quoted["by_country"]] == [("DE", 5), ("IT", 4)]
    assert "5 rows" in result.stderr


def test_a_workbook_is_priced_alike(tmp_path):
    book = Workbook()
    for row in (["name", "mobile"], ["Ada", 393471234567], ["Bob", "+4915123456789"]):
        book.active.append(row)
    book.save(tmp_path / "people.xlsx")
    result = run("quote", "--text", "Hi {name}", "--recipients", str(tmp_path / "people.xlsx"))
    assert "DE                 1         1     5             5" in result.stdout
    assert "left out: 1 invalid" in result.stdout


@pytest.mark.parametrize(
    ("content", "text", "said"),
    [
        (b"a,b\n1,2\n", "Hi", "No column of phone numbers"),
        (b"", "Hi", "No column of phone numbers"),
        (b"phone\n\xff\xfe\xff\n", "Hi", "cannot be read"),
        (b"phone\n+393471234567\n", "Hi {nme}", "{nme}"),
        (b"phone\n+393471234567\n", "Hi {", "brace"),
    ],
)
def test_what_cannot_be_quoted_is_refused_with_a_sentence(tmp_path, content, text, said):
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    result = run("quote", "--text", text, "--recipients", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_checking_tells_every_check():
    result = run("plugins", "check", "gsm")
    assert result.exit_code == 0
    assert f"gsm {plugins.find('gsm').version} is sound" in result.stdout
    assert run("plugins", "check", "nobody").exit_code == 1
