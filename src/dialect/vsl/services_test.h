// What tests of services share: a policy's folder, and a service `s` that a script declares and
// asks.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "dialect/vsl/host_functions_test.h"

namespace postern::dialect::vsl::testing {

struct ServiceTest : ::testing::Test {
  ServiceTest() {
    script.emplace(std::vector<Group>{service_functions()},
                   script::Files{.directory = folder.path(), .roots = {}}, &scene.site);
  }

  /// A program that Site allows by its path.
  void program(const std::string& name, const std::string& text) {
    scene.site.allowed_commands.push_back(folder.write(name, "#!/bin/sh\n" + text + "\n"));
    std::filesystem::permissions(folder.file(name), std::filesystem::perms(0755));
  }
  /// Declares `s` while the policy loads; "" or an error.
  std::string declare(const std::string& kind, const std::string& content,
                      const std::string& options) {
    script::Call load(script->world, {.time = tests::patience}, nullptr);
    return script->answer(
        "s = vsl.make_service('s', '" + kind + "', '" + content + "', map.of(" + options + "))",
        load);
  }
  std::string ask(const std::string& arguments) {
    return script->answer("vsl.call_service(s, " + arguments + ")", &scene.context, limits);
  }

  tests::TemporaryFolder folder;
  script::Limits limits{.time = tests::patience};
  Scene scene;
  std::optional<HostScript> script;
};

inline std::string exited(int code) {
  return R"(#{"code": )" + std::to_string(code) +
         R"(, "has_code": true, "has_signal": false, "signal": ()})";
}
inline std::string killed(int signal) {
  return R"(#{"code": (), "has_code": false, "has_signal": true, "signal": )" +
         std::to_string(signal) + "}";
}

}  // namespace postern::dialect::vsl::testing
