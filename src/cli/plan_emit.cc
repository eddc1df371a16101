#include "cli/plan_emit.h"

#include <filesystem>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/file_update.h"

namespace postern::app {

tl::expected<std::optional<std::string>, UsageError> emit_directory(const Arguments& arguments) {
  const std::vector<std::string> values = arguments.values("--emit");
  if (values.empty()) return std::nullopt;
  if (values.size() != 2 || values[0] != "smt2" || values[1].empty()) {
    return tl::unexpected(UsageError{
        fmt::format("--emit: `{}` is no form", printable(values[0], 64)), "--emit smt2 DIR"});
  }
  return values[1];
}

bool make_emit_directory(const std::string& directory, const Arguments& arguments,
                         Streams& streams) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return true;
  report(fmt::format("cannot make {}: {}", printable(directory, 200), error.message()), "",
         arguments.has("--json"), streams);
  return false;
}

std::optional<boost::json::array> emit_questions(const plan::SmtQuestions& questions,
                                                 const std::string& directory,
                                                 const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  boost::json::array emitted;
  for (const plan::SmtQuestion& one : questions.asked) {
    const std::string_view group = plan::to_string(one.group);
    const bool refuses = one.direction == plan::DifferenceKind::refuses_more;
    const std::string name =
        fmt::format("{}-{}.smt2", group, refuses ? "refuses-more" : "accepts-more");
    const std::string file = (std::filesystem::path(directory) / name).string();
    if (const auto kept = write_file(file, one.text); !kept) {
      report(kept.error().message, "", json, streams);
      return std::nullopt;
    }
    emitted.push_back(boost::json::object{
        {"file", file}, {"group", group}, {"direction", plan::to_string(one.direction)}});
  }
  for (const plan::SmtGap& one : questions.left_out) {
    const std::string_view group = plan::to_string(one.group);
    if (!json) {
      report(fmt::format("--emit: no file for {}: {}", group, one.why), "", false, streams);
    }
    emitted.push_back(boost::json::object{{"group", group}, {"left_out", one.why}});
  }
  return emitted;
}

}  // namespace postern::app
