#include "ptest/report.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>

#include "base/shown.h"
#include "base/terminal.h"
#include "base/text.h"
#include "ptest/update.h"

namespace postern::ptest {

namespace json = boost::json;

namespace {

/// A value as the file of tests has it.
std::string as_written(const Expectation& expected) {
  return expected.number ? expected.value : toml_string(expected.value);
}

std::string got_text(const Expectation& expected, const Difference& difference) {
  if (!difference.got) return "nothing";
  return expected.number || expected.key == "trace" ? *difference.got
                                                    : toml_string(*difference.got);
}

std::string first_difference(const Outcome& outcome) {
  const Difference& one = outcome.differs.front();
  const Expectation& expected = outcome.test->expected[one.index];
  return fmt::format("{}: expected {}, got {}", expected.path(), as_written(expected),
                     got_text(expected, one));
}

std::string place_of(const FileResult& result, const Test& test) {
  return fmt::format("{}:{}", result.name, test.spot.line);
}

std::string indented(std::string_view text, std::string_view by) {
  std::string out;
  for (std::string_view line : split(text, '\n')) {
    if (line.empty()) {
      out += "\n";
    } else {
      out += fmt::format("{}{}\n", by, line);
    }
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

struct Paint {
  bool color;
  std::string wrap(Ink start, std::string text) const {
    return color ? std::string(ink(start)) + text + std::string(ink(Ink::plain)) : text;
  }
};

std::string failure_text(const FileResult& result, const Outcome& outcome) {
  std::string out;
  for (const Difference& one : outcome.differs) {
    const Expectation& expected = outcome.test->expected[one.index];
    out += fmt::format("    expected {} = {}\n    got      {} = {}\n", expected.path(),
                       as_written(expected), expected.path(), got_text(expected, one));
  }
  if (!outcome.deciding.empty()) out += fmt::format("    decided by {}\n", outcome.deciding);
  return fmt::format("    at {}\n", place_of(result, *outcome.test)) + out +
         indented(outcome.trace, "      ");
}

/// One line each, without its end.
std::vector<std::string> warnings(const FileResult& result) {
  std::vector<std::string> out;
  for (const Outcome& outcome : result.outcomes) {
    for (const Unasked& one : outcome.unasked) {
      out.push_back(fmt::format("warning: {}:{}: no rule of `{}` {}", result.name, one.spot.line,
                                shown(outcome.test->name), shown(one.what)));
    }
  }
  for (const Unasked& one : result.unasked_answers) {
    out.push_back(
        fmt::format("warning: {}:{}: no test {}", result.name, one.spot.line, shown(one.what)));
  }
  for (const std::string& name : result.unasked) {
    out.push_back(fmt::format("warning: {}:{}: no test asked for {}", result.name,
                              result.file.zone.at(name).line, shown(name)));
  }
  return out;
}

std::string human(const Results& results, bool color, bool only_failures) {
  const Paint paint{color};
  std::string out;
  for (const FileResult& result : results.files) {
    if (only_failures && result.usable() && std::ranges::all_of(result.outcomes, &Outcome::passed))
      continue;
    out += paint.wrap(Ink::bold, result.name) + "\n";
    if (!result.usable()) {
      const std::size_t errors = result.diagnostics.errors();  // they are on standard error
      out += fmt::format("  {}  {} {}\n", paint.wrap(Ink::red, "unusable"), errors,
                         errors == 1 ? "error" : "errors");
      continue;
    }
    for (const Outcome& outcome : result.outcomes) {
      const bool passed = outcome.passed();
      if (only_failures && passed) continue;
      out += fmt::format("  {}  {}\n",
                         paint.wrap(passed ? Ink::green : Ink::red, passed ? "pass" : "FAIL"),
                         shown(outcome.test->name));
      if (!passed) out += failure_text(result, outcome);
    }
    if (only_failures) continue;
    for (const std::string& line : warnings(result)) out += line + "\n";
  }
  const std::size_t failed = results.failed();
  const std::size_t all = results.passed() + failed;
  std::string line = fmt::format("{} {}, {} passed, {} failed", all, all == 1 ? "test" : "tests",
                                 results.passed(), failed);
  if (results.unusable() > 0) {
    line += fmt::format("; {} {} cannot be used", results.unusable(),
                        results.unusable() == 1 ? "file" : "files");
  }
  const bool good = failed == 0 && results.unusable() == 0;
  out += paint.wrap(good ? Ink::green : Ink::red, line) + "\n";
  return only_failures ? out : out + results.coverage_text;
}

/// A TAP description: `#` begins a directive (TAP 14, "Escaping").
std::string tap_name(std::string_view name) {
  std::string out;
  for (const char c : shown(name)) {
    if (c == '#' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// YAML takes a JSON string as a scalar.
std::string yaml(std::string_view text) { return json::serialize(json::value(shown(text))); }

std::string tap_block(const FileResult& result, const Outcome& outcome) {
  std::string out = "  ---\n";
  out += fmt::format("  at: {}\n", yaml(place_of(result, *outcome.test)));
  std::string expected_lines;
  std::string got_lines;
  for (const Difference& one : outcome.differs) {
    const Expectation& expected = outcome.test->expected[one.index];
    const std::string key = yaml(expected.path());
    expected_lines +=
        fmt::format("    {}: {}\n", key, expected.number ? expected.value : yaml(expected.value));
    const std::string got = !one.got ? "null" : expected.number ? *one.got : yaml(*one.got);
    got_lines += fmt::format("    {}: {}\n", key, got);
  }
  out += "  expected:\n" + expected_lines + "  got:\n" + got_lines;
  if (!outcome.deciding.empty()) out += fmt::format("  decided_by: {}\n", yaml(outcome.deciding));
  out += "  trace: |\n" + indented(outcome.trace, "    ");
  return out + "  ...\n";
}

std::string tap(const Results& results) {
  std::size_t all = 0;
  for (const FileResult& result : results.files) {
    all += result.usable() ? result.outcomes.size() : 1;
  }
  std::string out = fmt::format("TAP version 14\n1..{}\n", all);
  std::size_t number = 0;
  for (const FileResult& result : results.files) {
    if (!result.usable()) {
      out += fmt::format("not ok {} - {}\n  ---\n  at: {}\n  message: {}\n  ...\n", ++number,
                         tap_name(result.name), yaml(result.name),
                         yaml(result.diagnostics.first_error()));
      continue;
    }
    for (const Outcome& outcome : result.outcomes) {
      out += fmt::format("{} {} - {}\n", outcome.passed() ? "ok" : "not ok", ++number,
                         tap_name(outcome.test->name));
      if (!outcome.passed()) out += tap_block(result, outcome);
    }
    for (const std::string& line : warnings(result)) out += fmt::format("# {}\n", line);
  }
  return out;
}

using Tree = boost::property_tree::ptree;

/// Octets that XML 1.0 takes (https://www.w3.org/TR/xml/#charsets): `shown` has no controls.
std::string xml_text(std::string_view text) {
  std::string out;
  for (std::string_view line : split(text, '\n')) out += shown(line) + "\n";
  if (!out.empty()) out.pop_back();
  return out;
}

std::string seconds(std::chrono::nanoseconds took) {
  return fmt::format("{:.6f}", std::chrono::duration<double>(took).count());
}

std::string junit(const Results& results) {
  Tree root;
  Tree& suites = root.add("testsuites", "");
  for (const FileResult& result : results.files) {
    Tree& suite = suites.add("testsuite", "");
    const auto failed =
        std::ranges::count_if(result.outcomes, [](const Outcome& one) { return !one.passed(); });
    std::chrono::nanoseconds took{0};
    for (const Outcome& one : result.outcomes) took += one.took;
    suite.put("<xmlattr>.name", xml_text(result.name));
    suite.put("<xmlattr>.tests", result.usable() ? result.outcomes.size() : 1);
    suite.put("<xmlattr>.failures", result.usable() ? failed : 0);
    suite.put("<xmlattr>.errors", result.usable() ? 0 : 1);
    suite.put("<xmlattr>.time", seconds(took));
    if (!result.usable()) {
      Tree& test = suite.add("testcase", "");
      test.put("<xmlattr>.classname", xml_text(result.name));
      test.put("<xmlattr>.name", xml_text(result.name));
      test.put("<xmlattr>.time", seconds({}));
      Tree& error = test.add("error", xml_text(result.diagnostics.render()));
      error.put("<xmlattr>.message", xml_text(result.diagnostics.first_error()));
      continue;
    }
    for (const Outcome& one : result.outcomes) {
      Tree& test = suite.add("testcase", "");
      test.put("<xmlattr>.classname", xml_text(result.name));
      test.put("<xmlattr>.name", xml_text(one.test->name));
      test.put("<xmlattr>.time", seconds(one.took));
      if (one.passed()) continue;
      Tree& failure = test.add("failure", xml_text(failure_text(result, one)));
      failure.put("<xmlattr>.message", xml_text(first_difference(one)));
    }
  }
  std::ostringstream out;
  boost::property_tree::write_xml(out, root,
                                  boost::property_tree::xml_writer_settings<std::string>(' ', 2));
  return out.str();
}

json::value value_json(const std::string& key, const std::string& value) {
  if (key == "code") return std::stoi(value);
  return json::value(shown(value));
}

/// Without `text` and `route`, which may be long; they are in `differs` where a test expects them.
json::object got_json(const Got& got) {
  json::object out;
  for (const char* const key : {"verdict", "stage", "code", "enhanced", "layer", "rule", "at"}) {
    const auto found = got.find(key);
    if (found != got.end()) out[key] = value_json(key, found->second);
  }
  return out;
}

json::object outcome_json(const FileResult& result, const Outcome& outcome) {
  json::array differs;
  for (const Difference& one : outcome.differs) {
    const Expectation& expected = outcome.test->expected[one.index];
    differs.push_back(
        json::object{{"key", shown(expected.path())},
                     {"expected", value_json(expected.key, expected.value)},
                     {"got", one.got ? value_json(expected.key, *one.got) : json::value()}});
  }
  json::object out{
      {"file", shown(result.name)},        {"line", outcome.test->spot.line},
      {"name", shown(outcome.test->name)}, {"result", outcome.passed() ? "pass" : "fail"},
      {"got", got_json(outcome.got)},      {"differs", std::move(differs)}};
  if (!outcome.recipients.empty()) {
    json::object& recipients = out["recipients"].emplace_object();
    for (const auto& [address, got] : outcome.recipients) recipients[address] = got_json(got);
  }
  if (!outcome.passed()) out["trace"] = outcome.trace;
  return out;
}

json::object report_json(const Results& results) {
  json::array tests;
  json::array errors;
  json::array warned;
  for (const FileResult& result : results.files) {
    for (const app::Diagnostic& one : result.diagnostics.list()) {
      errors.push_back(json::parse(app::to_json(one)));
    }
    if (!result.usable()) continue;
    for (const Outcome& one : result.outcomes) tests.push_back(outcome_json(result, one));
    for (const std::string& line : warnings(result)) warned.push_back(json::value(line));
  }
  json::object out{{"tests", std::move(tests)},
                   {"counts", json::object{{"passed", results.passed()},
                                           {"failed", results.failed()},
                                           {"unusable", results.unusable()}}},
                   {"errors", std::move(errors)},
                   {"warnings", std::move(warned)}};
  out["coverage"] = results.coverage.empty() ? json::value(nullptr) : json::value(results.coverage);
  return out;
}

}  // namespace

std::size_t Results::passed() const {
  std::size_t count = 0;
  for (const FileResult& one : files) {
    count += static_cast<std::size_t>(std::ranges::count_if(one.outcomes, &Outcome::passed));
  }
  return count;
}

std::size_t Results::failed() const {
  std::size_t count = 0;
  for (const FileResult& one : files) count += one.outcomes.size();
  return count - passed();
}

std::size_t Results::unusable() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(files, [](const FileResult& one) { return !one.usable(); }));
}

std::optional<Format> format_named(std::string_view name) {
  if (name == "human") return Format::human;
  if (name == "tap") return Format::tap;
  if (name == "junit") return Format::junit;
  if (name == "json") return Format::json;
  return std::nullopt;
}

std::string report_text(const Results& results, Format format, bool color) {
  switch (format) {
    case Format::tap:
      return tap(results);
    case Format::junit:
      return junit(results);
    case Format::json:
      return json::serialize(report_json(results)) + "\n";
    case Format::failures:
      return human(results, color, true);
    case Format::human:
      break;
  }
  return human(results, color, false);
}

}  // namespace postern::ptest
