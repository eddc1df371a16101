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
  const auto file_of = [&](plan::Group group, plan::DifferenceKind direction) {
    const bool refuses = direction == plan::DifferenceKind::refuses_more;
    const std::string name = fmt::format("{}-{}.smt2", plan::to_string(group),
                                         refuses ? "refuses-more" : "accepts-more");
    return (std::filesystem::path(directory) / name).string();
  };
  // An answer about the versions of an earlier run is none about these.
  for (const plan::Group group : {plan::Group::ours, plan::Group::relay, plan::Group::foreign}) {
    for (const auto direction :
         {plan::DifferenceKind::refuses_more, plan::DifferenceKind::accepts_more}) {
      std::error_code error;
      std::filesystem::remove(file_of(group, direction), error);
      if (!error) continue;
      report(fmt::format("cannot remove {}: {}", printable(file_of(group, direction), 200),
                         error.message()),
             "", json, streams);
      return std::nullopt;
    }
  }
  for (const plan::SmtQuestion& one : questions.asked) {
    const std::string_view group = plan::to_string(one.group);
    const std::string file = file_of(one.group, one.direction);
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
