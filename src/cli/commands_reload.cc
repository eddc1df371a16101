#include <ostream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/live_data.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// Texts of an array: "waiting", the keys whose change needs a restart, and "notes".
std::vector<std::string> texts_in(const json::object& answer, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* list = answer.if_contains(name);
  if (list == nullptr || !list->is_array()) return texts;
  for (const json::value& one : list->get_array()) {
    if (one.is_string()) texts.push_back(printable(one.get_string(), 300));
  }
  return texts;
}

std::string sentences_of(const json::object& answer) {
  std::string text = "the new configuration is in force";
  const auto waiting = texts_in(answer, "waiting");
  if (!waiting.empty()) text += fmt::format("; these need a restart: {}", fmt::join(waiting, ", "));
  text += '\n';
  for (const std::string& note : texts_in(answer, "notes")) text += "note: " + note + '\n';
  return text;
}

void show_json(const json::object& answer, bool in_force, Streams& streams) {
  json::array diagnostics;
  const std::string lines = text_of(answer, "json_lines");
  for (const std::string_view line : split(lines, '\n')) {
    boost::system::error_code bad;
    json::value one = json::parse(line, bad);
    if (!bad) diagnostics.push_back(std::move(one));
  }
  json::object out{{"in_force", in_force}, {"diagnostics", std::move(diagnostics)}};
  if (in_force) {
    out["waiting"] = json::value_from(texts_in(answer, "waiting"));
    out["notes"] = json::value_from(texts_in(answer, "notes"));
  }
  if (const std::string error = text_of(answer, "error"); !error.empty()) {
    out["error"] = error;
    out["hint"] = text_of(answer, "hint");
  }
  streams.out << json_text(out) << '\n';
}

}  // namespace

std::optional<std::filesystem::path> running_directory(const Arguments& arguments,
                                                       Streams& streams) {
  if (const auto given = arguments.value("--data-dir")) return *given;
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return std::nullopt;
  return config->server.data_dir;
}

int run_reload(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  const auto directory = running_directory(arguments, streams);
  if (!directory) return to_int(ExitCode::config);
  const auto answer =
      LiveData(*directory)
          .ask_gateway("reload", {{"lists_of_file", arguments.has("--lists-of-file")}});
  if (!answer) {
    report(
        fmt::format("no gateway runs with the data directory {}", directory->string()),
        "start it, it reads the configuration then; or name its directory with --data-dir DIR or "
        "--config FILE",
        as_json, streams);
    return to_int(ExitCode::unavailable);
  }
  if (!*answer) {
    report(answer->error().message, "", as_json, streams);
    return to_int(exit_code_of(answer->error().fault));
  }
  const json::object& found = **answer;
  const json::value* flag = found.if_contains("in_force");
  const bool in_force = flag && flag->is_bool() && flag->get_bool();
  const bool quiet = arguments.has("--quiet");
  if (as_json) {
    show_json(found, in_force, streams);
  } else {
    if (!in_force || !quiet) streams.err << text_of(found, "diagnostics");
    if (const std::string error = text_of(found, "error"); !error.empty()) {
      report(error, text_of(found, "hint"), false, streams);
    }
    if (!in_force) streams.err << "the old configuration remains in use\n";
    if (in_force && !quiet) streams.out << sentences_of(found);
  }
  return to_int(in_force ? ExitCode::ok : ExitCode::config);
}

}  // namespace postern::app
