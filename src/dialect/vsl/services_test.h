// What tests of services share: a policy's folder, and a service `s` that a script declares and
// asks.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "dialect/vsl/host_functions_test.h"

namespace postern::dialect::vsl::testing {

struct ServiceTest : ::testing::Test {
  ServiceTest() {
    std::filesystem::create_directories(folder);
    script.emplace(std::vector<Group>{service_functions()},
                   script::Files{.directory = folder, .roots = {}});
  }
  ~ServiceTest() override { std::filesystem::remove_all(folder); }

  static std::string made_in_test_folder() {
    char name[] = "/tmp/postern-service-XXXXXX";
    return std::filesystem::canonical(mkdtemp(name)).string() + "/policy";
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(folder + "/" + name, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  /// A program that Site allows by its path.
  void program(const std::string& name, const std::string& text) {
    write(name, "#!/bin/sh\n" + text + "\n");
    std::filesystem::permissions(folder + "/" + name, std::filesystem::perms(0755));
    scene.site.allowed_commands.push_back(folder + "/" + name);
  }
  /// Declares `s` while the policy loads; "" or an error.
  std::string declare(const std::string& kind, const std::string& content,
                      const std::string& options) {
    script::Call load(script->world, {}, nullptr);
    return script->answer(
        "s = vsl.make_service('s', '" + kind + "', '" + content + "', map.of(" + options + "))",
        load);
  }
  std::string ask(const std::string& arguments) {
    return script->answer("vsl.call_service(s, " + arguments + ")", &scene.context, limits);
  }

  std::string folder = made_in_test_folder();
  script::Limits limits;
  Scene scene;
  std::optional<Script> script;
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
