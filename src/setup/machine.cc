#include "setup/machine.h"

#include <system_error>
#include <utility>

namespace postern::setup {

namespace fs = std::filesystem;

fs::path data_place(const Answers& answers) {
  std::error_code unreadable;
  fs::path place(answers.data_dir);
  while (place.has_relative_path() && !fs::exists(place, unreadable)) place = place.parent_path();
  return place;
}

doctor::Findings look_at_machine(const std::string& text, const Answers& answers,
                                 doctor::Sources sources) {
  app::LoadOptions load;
  load.read_files = false;
  load.adjust = [&](app::Config& config) { config.server.data_dir = data_place(answers); };
  std::vector<std::string_view> names = {"ports", "disk", "clock"};
  if (sources.dns) names.push_back("ptr");
  doctor::Examination examination(
      app::parse_config(text, "setup", load),
      {.file = {}, .domains = {}, .addresses = answers.addresses, .outgoing = {}},
      std::move(sources));
  return doctor::examine(examination, names);
}

}  // namespace postern::setup
