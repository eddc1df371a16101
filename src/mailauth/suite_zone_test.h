// Plays the suite files (tests/suites/mailauth) in unit tests; their DNS zones give the answers.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "mailauth/testing/zone.h"

namespace mailauth::testing {

/// Calls `play(file, case)` for every case of the files of this format in
/// tests/suites/mailauth/<folder>. Returns the number of cases.
inline std::size_t for_each_suite_case(
    const std::string& folder, std::string_view format,
    const std::function<void(const boost::json::object&, const boost::json::object&)>& play) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::string(POSTERN_SOURCE_DIR "/tests/suites/mailauth/") + folder)) {
    if (entry.path().extension() != ".json") continue;
    const boost::json::value file = boost::json::parse(postern::tests::read_file(entry.path()));
    if (file.at("format").as_string() != format) continue;
    for (const boost::json::value& test : file.at("cases").as_array()) {
      SCOPED_TRACE(entry.path().filename().string() + " " +
                   std::string(test.at("name").as_string()));
      play(file.as_object(), test.as_object());
      ++count;
    }
  }
  return count;
}

/// The text of a member.
inline std::string text_of(const boost::json::object& test, std::string_view member) {
  return std::string(test.at(member).as_string());
}
/// Whether the word is one of those that the suite accepts.
inline bool accepts(const boost::json::array& words, std::string_view word) {
  return std::ranges::any_of(words, [&](const auto& one) { return one.as_string() == word; });
}
/// A zone in JSON.
inline SuiteZone zone_of(std::string_view text) {
  return SuiteZone(boost::json::parse(text).as_object());
}

}  // namespace mailauth::testing
