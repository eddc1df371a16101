"""The steps of `make test` and `make test-all`, which tools/test runs. CONTRIBUTING.md, "Test", says what stands where and why."""
import dataclasses
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Configurations of others, under many licences: not in the repository, used if they are next to it.
REAL = ROOT.parent / "shared/suites/restrictions-real"
BINARY = ("--binary", "build/release/postern")
NICE = ("nice", "-n", "19")
# How much tests of random or exhaustive input and of the pages do, by whether the run is the whole one.
ENVIRONMENT = {
    False: {"POSTERN_RANDOM_LISTS": "500", "POSTERN_VSL_SEEDS": "500", "POSTERN_PLAN_STRIDE": "2390", "POSTERN_PLAN_LISTS": "25", "POSTERN_PLAN_PAIRS": "10",
            "POSTERN_CRASH_ROUNDS": "10", "POSTERN_PAGES": "brief"},
    True: {"POSTERN_RANDOM_LISTS": "50000", "POSTERN_VSL_SEEDS": "40000", "POSTERN_CRASH_ROUNDS": "100", "POSTERN_LONG_TESTS": "yes"},
}
if REAL.is_dir():
    for variables in ENVIRONMENT.values():
        variables["POSTERN_REAL_CONFIGURATIONS"] = str(REAL / "cases.json")


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    title: str
    seconds: float  # that it takes alone on two cores; a build: with a full compiler's cache
    command: tuple
    longer: tuple = ()  # the command of the whole run; empty: the same
    needs: str = ""  # the build that has to be there: release, asan
    builds: str = ""  # the build that it makes
    cold_seconds: float = 0  # what a build takes with an empty cache
    units: float = 0  # seconds of the unit tests, which become steps when the build is there
    night: bool = False  # only in the whole run
    first: bool = False  # takes a second, and begins before the long ones
    waits: bool = False  # computes for less than two fifths of its time: a third lane takes such steps
    browser: bool = False  # two browsers beside each other disturb each other
    root: bool = False
    random: bool = False  # what it finds once is found: it is not run again


def check(title, *command, **more):
    return Step(title, 1, command, first=True, **more)


def product(title, seconds, *command, **more):
    """A step with the shipped program."""
    return Step(title, seconds, command, needs="release", **more)


def suite(seconds, *arguments, part=(), **more):
    """`part`: arguments of the brief run."""
    command = ("tests/conformance/run", *BINARY, "--suite", *arguments, "--jobs", "4")
    return Step("suite " + " ".join(arguments), seconds, (*command, *part), longer=command if part else (), needs="release", **more)


# Seconds of the longest programs of unit tests, or parts of them.
UNIT_SECONDS = {"plan_0": 30, "plan_1": 30, "plan_2": 30, "plan_3": 30, "admin": 40, "store": 50, "cli": 40, "spool": 40, "cluster": 40, "dialect_vsl": 20,
                "dialect_restrictions": 30, "script": 25, "net": 21, "dialect_kumo": 20, "relay": 20, "gateway": 17, "deliver": 14, "queue": 11, "serve": 11}
# Those that wait for servers and for time more than they compute.
WAITING_UNITS = {"store", "spool", "cluster", "net", "gateway", "serve", "setup", "queue"}
# Unit tests of the whole run alone: each takes three seconds to a minute, and has siblings that run every time.
NIGHT_TESTS = {
    "cli": "Import.TakesTimeThatGrowsWithTheFile",
    "dialect_restrictions": "LmdbText.damaged_files_are_refused_or_read_within_their_bounds:SectionGrowth.the_largest_lists_are_judged_in_linear_time",
    "dialect_vsl": "VslScriptLimits.no_catch_sees_them",
    "plan": ":".join((
        "EditTest.AnswersThatAParameterMakesAPermitAreNotCalledTheSame", "EditTest.OneTableOnTwoServersIsNotCalledTheSame",
        "GuardTest.DmarcIsWhatTheGatewayMakesOfIt", "PlanCompareTest.AnswersThatHangOnParametersAreTried", "PlanCompareTest.CapitalsAreSeenWhereTheyAreWritten",
        "PlanCompareTest.RulesInRowsOfLargeTables", "PlanCompareTest.TheOpaquePatternIsNamed", "SettingsAnswersTest.CodesOfAnswersAreCompared",
        "SettingsAnswersTest.EachParameterThatAKeywordHangsOnIsKnown", "Vsl.HeaderFieldsOfEarlierRulesAreSeen", "Vsl.SeesEachOperator",
        "Webhooks.what_is_not_found_never_happens")),
}


def unit_tests(whole):
    """A step for each program of unit tests of the sanitized build (or part of one)."""
    listed = subprocess.run(["ctest", "--preset", "asan", "--show-only=json-v1"], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = []
    for name in (test["name"] for test in json.loads(listed.stdout)["tests"]):
        command = ("ctest", "--preset", "asan", "-R", "^%s$" % name)
        left_out = NIGHT_TESTS.get(name.rstrip("_0123456789"))
        if left_out and not whole:
            command = ("env", "GTEST_FILTER=-" + left_out, *command)
        rows.append(Step("unit tests: " + name, UNIT_SECONDS.get(name, 5), command, needs="asan", waits=name in WAITING_UNITS))
    return rows


def steps():
    rows = [
        check("arrows between the rooms", "tools/check-arrows"),
        check("who opens files and databases", "tools/check-opens"),
        check("every reply code is in the table", "tools/check-codes"),
        check("actions of the audit log have words", "tools/check-audit"),
        check("every question is judged in one place", "tools/check-questions"),
        check("comments of declarations, sections of RFCs", "tools/check-comments"),
        check("words and paths that must not be here", "tools/check-words"),
        check("shapes of code that were a defect once", "tools/check-shapes"),
        check("code in which faults of plan are planted", "tests/tools/plan_mutants.py", "--texts"),
        check("each script says what it is for", "tests/tools/help"),
        check("functions and lists of packaging", "tests/tools/packaging"),
        check("the form of the changelog", "tools/check-changelog"),
        check("what a commit needs for its tag", "packaging/ready", "--selftest"),
        Step("the handbook: pages, links, anchors", 41, ("tools/docs",)),
        check("the check of the handbook itself", "tools/docs", "--selftest"),
        check("copies of the suites", "tests/conformance/compare-suites"),

        # `make test` compiles units of many sources: a source that lacks an include is found by the build of each alone.
        Step("build: each source alone", 1000, (*NICE, "tools/build", "dev", "all"), night=True),
        Step("build: release", 40, ("tools/build", "release", "postern"), builds="release", cold_seconds=400),
        Step("build: sanitized tests and fuzz targets", 100, ("tools/build", "asan", "all"), builds="asan", cold_seconds=800, units=400),

        # What the sanitized build is for. Its unit tests are steps, too: unit_tests().
        Step("fuzz targets", 25, (*NICE, "tools/fuzz", "0"), (*NICE, "tools/fuzz", "60"), needs="asan", random=True),
        Step("faults planted in the compiler of plan", 1000, (*NICE, "tests/tools/plan_mutants.py", "--build", "build/asan"), needs="asan", night=True),
        Step("stops with everything under way, sanitized", 26, ("tests/crash/stop", "--binary", "build/asan/postern", "--rounds", "2", "--bulk", "100", "--slow", "2", "--quiet"),
             ("tests/crash/stop", "--binary", "build/asan/postern", "--rounds", "20", "--bulk", "100", "--slow", "2", "--quiet"), needs="asan", random=True),
        Step("suite mailauth", 1, ("tests/conformance/run", *BINARY, "--suite", "mailauth", "--jobs", "4"), needs="asan"),
        Step("the compiler's cache: clones share it, edits miss", 90, (*NICE, "tests/tools/compile-cache"), night=True),

        product("the pages in a browser", 129, "tests/system/web.py", *BINARY, browser=True),
        product("mail beside tarpits and silent webhooks", 12, "tests/system/fairness.py", *BINARY, "--jobs", "2", waits=True),
        product("policies of a directory are counted", 3, "tools/policies-in-the-open", "--selftest", *BINARY),
        product("system tests", 114, "tests/system/smoke.py", *BINARY, "--jobs", "4"),
        product("random restriction lists beside Postfix", 63, "tests/postfix/differential", *BINARY, "--seed", "1", "--cases", "150",
                longer=("tests/postfix/differential", *BINARY, "--seed", "1", "--cases", "500"), root=True, random=True),
        product("random restriction lists of this day beside Postfix", 1000, "tests/postfix/differential", *BINARY,
                "--seed", time.strftime("%Y%m%d"), "--cases", "1500", root=True, random=True, night=True),
        product("mail that passes through, beside Postfix", 25, "tests/system/relay.py", *BINARY, "--jobs", "4", root=True, waits=True),
        suite(42, "attacks"),
        product("what the sandbox refuses", 9, "tests/system/sandbox.py", *BINARY, root=True, waits=True),
        product("lines that shells complete", 2, "tests/system/completions.py", *BINARY),
        product("root in a directory of another user", 4, "tests/system/owners.py", *BINARY, "--jobs", "2", root=True),
        product("postern setup, from nothing to mail", 6, "tests/system/setup.py", *BINARY, root=True),
        product("metrics and alerts, as Prometheus reads them", 8, "tests/system/alerts.py", *BINARY, waits=True),
        product("clients that fail2ban bans", 4, "tests/system/bans.py", *BINARY, root=True),
        product("certificates from certbot", 8, "tests/system/certificates.py", *BINARY, "--jobs", "2", waits=True),
        product("signing in, with real back-ends", 38, "tests/system/auth.py", *BINARY, waits=True),
        suite(51, "conduit", browser=True),
        product("Lua hooks in the running gateway", 14, "tests/system/lua.py", *BINARY, "--jobs", "3"),
        product("kill -9 under load", 24, "tests/crash/run", "--rounds", "7", "--commands", "1", "--quiet",
                longer=("tests/crash/run", "--rounds", "100", "--commands", "1", "--quiet"), random=True),
        product("stops with everything under way", 24, "tests/crash/stop", "--rounds", "2", "--bulk", "150", "--quiet",
                longer=("tests/crash/stop", "--rounds", "20", "--bulk", "150", "--quiet"), random=True),
        product("backups beside a loaded gateway", 33, "tests/crash/backup", "--rounds", "3", "--kills", "2", "--seconds", "6", "--floor", "2000",
                longer=("tests/crash/backup", "--rounds", "100", "--kills", "20", "--seconds", "15", "--floor", "100"), random=True),
        product("make install, and back", 4, "packaging/install", "--selftest"),
        product("the Debian package", 80, "packaging/package", "--out", "build/test/dist", "--short",
                longer=("packaging/package", "--out", "build/test/dist"), root=True),
        product("the Debian package, made twice with the same octets", 120, "packaging/package", "--out", "build/test/dist-twice", "--short", "--twice",
                root=True, night=True),
        product("the crash test itself", 60, "tests/crash/selftest.py", night=True),
        product("calls that fail and tear", 11, "tests/crash/run", "--quiet", "--nth", "1", "--shim", "fsync-eio,write-tornkill,nofile,bit-rot",
                longer=("tests/crash/run", "--quiet", "--shim", "all"), root=True, random=True),
        product("disks that fill or turn read-only", 8, "tests/crash/run", "--quiet", "--shim", "disk-full,read-only", root=True, random=True),
        suite(122, "restrictions"),
        suite(22, "kumo-lua"),
        suite(47, "kumo-lua", "--cases", "tests/conformance/own/kumo-lua"),
        product("the conformance runner itself", 62, "tests/conformance/selftest", "--brief", longer=("tests/conformance/selftest",), waits=True, browser=True),
        suite(16, "vsl"),
        product("commands in the documents", 60, "tools/check-docs"),
        suite(37, "relay", "--cases", "tests/conformance/own/relay", waits=True),
        suite(37, "conduit", "--cases", "tests/conformance/own/conduit", browser=True),
        product("openapi.yaml and the gateway", 4, "tests/system/api.py", *BINARY),
        product("gateways over one PostgreSQL", 180, "tests/system/cluster.py", *BINARY, "--jobs", "4", waits=True),
        product("tables of other programs", 35, "tests/system/tables.py", *BINARY, "--jobs", "3", waits=True),
        product(".vsl rules in the running gateway", 4, "tests/system/vsl.py", *BINARY),
        suite(7, "vsl", "--cases", "tests/conformance/own/vsl"),
        suite(8, "relay", waits=True),
        suite(10, "restrictions", "--cases", "tests/conformance/own/restrictions"),
        suite(1, "messages"),
        suite(30, "plan"),
        product("a second opinion about plan", 2, "tests/tools/plan_second_opinion.py", *BINARY, "--pairs", "40",
                longer=("tests/tools/plan_second_opinion.py", *BINARY, "--pairs", "400")),
        suite(87, "cluster", part=("--filter", "nem-02"), waits=True),
        *(Step("both commands of README in a bare Debian " + suite_name, 3600, ("tests/tools/fresh-machine", "--suite", suite_name), root=True, night=True)
          for suite_name in ("bookworm", "trixie")),
        product("figures of the benchmarks", 1, "bench/selftest.py"),
        product("the comparison with Postfix itself", 1, "tests/postfix/selftest.py"),
    ]
    if REAL.is_dir():
        rows.append(suite(25, "restrictions", "--cases", str(REAL), part=("--filter", "*/R??[05]-*")))
        rows.append(product("edits of real configurations, compared", 60, "bench/plan_bench", *BINARY, "--suite", str(REAL / "cases.json"),
                            "--every", "60", "--untimed",
                            longer=("bench/plan_bench", *BINARY, "--suite", str(REAL / "cases.json"), "--every", "10", "--untimed")))
    return rows
