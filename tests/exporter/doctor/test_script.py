"""Reading scripts as text agrees with the shell that runs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.doctor.environment import Environment, Marks
from exporter.doctor.finding import Place
from exporter.doctor.inputs import Text
from exporter.doctor.script import assigned, expanded, trainings, written

HERE = Place("job.yaml", 1)
SET = {"NAME": "llama", "EMPTY": "", "QUOTED": 'a "b" $c', "NUMBER_1": "16"}
OUTSIDE = Environment().with_values(SET, "", HERE)

SCRIPTS = [
    "cat > train.yaml <<EOF\nname: ${NAME}\nrank: $NUMBER_1\nEOF\n",
    "cat <<EOF > train.yaml\na: ${NAME}-$NUMBER_1.x\nb: \\${NAME} \\$NAME \\\\ \\n\nEOF\n",
    "cat > train.yaml <<'EOF'\na: ${NAME}\nEOF\necho ${NAME}\n",
    'cat > train.yaml <<"EOF"\na: ${NAME}\nEOF\n',
    "cat > train.yaml <<\\EOF\na: ${NAME}\nEOF\n",
    "cat > train.yaml <<-EOF\n\ta: 1\n\t\tb: 2\n\tEOF\n",
    "tee train.yaml > /dev/null <<EOF\na: ${EMPTY:-none} ${EMPTY-kept} ${NO:-one} ${NO-two}\nEOF\n",
    "cat > 'train.yaml' << END_OF_FILE\na: ${QUOTED}\nEOF\nEND_OF_FILE\n",
    "A=mine\nexport B=\"$A-$NAME\"\nC='$A'\ncat > train.yaml <<E\na: $A $B $C\nE\n",
    'JSON="{\\"a\\": \\"$NAME\\"}"\ncat > train.yaml <<E\n$JSON\nE\n',
    "# cat > no.yaml <<EOF\ncat > train.yaml <<EOF\n# ${NAME}\nEOF\n",
    "read -r x <<< text || true\ncat > train.yaml <<EOF\na: 1\nEOF\n",
]


def text(script: str) -> Text:
    return Text(script, "job.yaml", tuple(range(1, script.count("\n") + 2)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_writes_what_was_read(tmp_path: Path, script: str) -> None:
    bash = shutil.which("bash")
    assert bash
    subprocess.run([bash, "-eu", "-c", script], cwd=tmp_path, env=SET, check=True)
    known = OUTSIDE.with_values(assigned(text(script), OUTSIDE), "", HERE)
    (found,) = written(text(script))
    assert found.path == "train.yaml"
    body = expanded(found.text.value, known) if found.expands else found.text.value
    assert f"{body}\n" == (tmp_path / "train.yaml").read_text()
    first = (
        script.split("\n").index(found.text.value.split("\n")[0].lstrip())
        if "<<-" not in script
        else 1
    )
    assert found.text.place(0).line == first + 1


def test_what_only_the_shell_can_tell_stays_open() -> None:
    for unknown in ("${NONE}", "$NONE", "$(date)", "`date`", "${NAME%x}", "${#NAME}"):
        assert Marks.names(expanded(f"a: {unknown}", OUTSIDE)), unknown
    computed = assigned(text("A=$(date)\nB=`date`\nC=1 command\nD=$A\n"), OUTSIDE)
    assert all(Marks.names(value) for value in computed.values())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("llamafactory-cli train a.yaml", [("a.yaml", (), 0)]),
        (
            "set -e\nexec /opt/bin/llamafactory-cli train \\\n  'a b.yaml' \\\n x=1 y=2",
            [("a b.yaml", ("x=1", "y=2"), 1)],
        ),
        ("A=1 FORCE_TORCHRUN=1 lmf train a.yaml x=1 2>&1 | tee log", [("a.yaml", ("x=1",), 0)]),
        (
            "llamafactory-cli train a.yaml; llamafactory-cli train b.yaml > log",
            [("a.yaml", (), 0), ("b.yaml", (), 0)],
        ),
        ("cat > x <<E\nllamafactory-cli train no.yaml\nE\n", []),
        ("# llamafactory-cli train no.yaml", []),
        ("llamafactory-cli chat no.yaml; llamafactory-cli train", []),
        ("echo 'unclosed && llamafactory-cli train a.yaml", [("a.yaml", (), 0)]),
    ],
)
def test_trainings_are_found_where_they_are_started(
    script: str, expected: list[tuple[str, tuple[str, ...], int]]
) -> None:
    assert [tuple(one) for one in trainings(text(script))] == expected
