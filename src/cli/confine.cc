#include "cli/confine.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "cli/commands.h"
#include "serve/sandbox_plan.h"

namespace postern::app {

namespace {

namespace fs = std::filesystem;

/// Whether the first step of two is done, and the second one is due. Of the process, as the sandbox
/// is.
bool is_due = false;

/// How a command is confined.
struct Way {
  std::string_view command;
  bool network;         ///< asks name servers, or the running gateway
  bool configurations;  ///< what it changes is known when its configurations are read
};

constexpr Way ways[] = {
    {"check", true, true},          {"explain", true, true},      {"plan", true, true},
    {"replay", true, true},         {"test", false, true},        {"import postfix", false, false},
    {"import vsmtp", false, false}, {"dkim verify", true, false}, {"dkim check", true, false},
    {"spf check", true, false},     {"dmarc check", true, false},
};

void demand(const Result<sandbox::Report>& report) {
  if (!report) throw CannotConfine("the sandbox cannot be put on: " + report.error().message);
}

/// The directory of a file that is written, and that where a symbolic link leads.
void add_beside(const fs::path& file, sandbox::Plan& plan) {
  std::error_code error;
  for (const fs::path& name : {fs::absolute(file, error), fs::weakly_canonical(file, error)}) {
    if (!error) plan.write.push_back(name.parent_path());
  }
}

/// Ends the loading of a configuration before its tables and policies are read.
struct ReadEnough {};

}  // namespace

void confine(const Arguments& arguments) {
  const char* wanted = std::getenv("POSTERN_SANDBOX");
  if (wanted != nullptr && std::string_view(wanted) == "off") return;
  const auto* const way = std::ranges::find(ways, arguments.command->name, &Way::command);
  if (way == std::end(ways)) return;
  if (way->configurations) {
    demand(sandbox::put_on_calls(way->network));
    is_due = true;
    return;
  }
  sandbox::Plan plan;
  plan.network = way->network;
  if (const auto out = arguments.value("--out"); out && *out != "-") add_beside(*out, plan);
  demand(sandbox::put_on(plan));
}

void FileNeeds::add(const Config& config) {
  if (config.server.sandbox == SandboxMode::off) wanted_ = false;
  sandbox::Plan plan = sandbox_plan(config, {});
  std::ranges::move(plan.write, std::back_inserter(plan_.write));
}

void FileNeeds::add(std::string_view text, const Arguments& arguments) {
  LoadOptions load = without_files(arguments);
  load.adjust = [this, then = std::move(load.adjust)](Config& config) {
    then(config);
    add(config);
    throw ReadEnough();
  };
  try {
    parse_config(text, "", load);
  } catch (const ReadEnough&) {
  }
}

void FileNeeds::add_file(const fs::path& file) { add_beside(file, plan_); }

void FileNeeds::enforce() {
  if (std::exchange(is_due, false) && wanted_) demand(sandbox::put_on_files(plan_));
}

std::function<void(Config&)> confined(std::function<void(Config&)> then) {
  return [then = std::move(then)](Config& config) {
    if (then) then(config);
    FileNeeds needs;
    needs.add(config);
    needs.enforce();
  };
}

}  // namespace postern::app
