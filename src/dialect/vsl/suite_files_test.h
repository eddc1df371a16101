// The cases of tests/suites/vsl: their scripts as files.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/temporary_folder_test.h"

namespace postern::dialect::vsl {

struct SuiteCase {
  std::string id;
  boost::json::object members;
  std::shared_ptr<const std::map<std::string, std::string>> files;
};

inline std::shared_ptr<const std::map<std::string, std::string>> suite_files(
    const boost::json::object& scripts) {
  auto files = std::make_shared<std::map<std::string, std::string>>();
  for (const auto& [name, text] : scripts) {
    std::string whole;
    if (text.is_string()) {
      whole = text.get_string();
    } else {
      for (const boost::json::value& line : text.as_array()) {
        whole += std::string(line.as_string()) + "\n";
      }
    }
    files->emplace(name, std::move(whole));
  }
  return files;
}

/// By name.
inline std::vector<SuiteCase> suite_cases() {
  std::vector<SuiteCase> cases;
  for (const auto& entry :
       std::filesystem::directory_iterator(POSTERN_SOURCE_DIR "/tests/suites/vsl/cases")) {
    SuiteCase one{.id = entry.path().stem().string(),
                  .members = boost::json::parse(tests::read_file(entry.path())).as_object(),
                  .files = nullptr};
    one.files = suite_files(one.members.at("scripts").as_object());
    cases.push_back(std::move(one));
  }
  std::ranges::sort(cases, {}, &SuiteCase::id);
  return cases;
}

}  // namespace postern::dialect::vsl
