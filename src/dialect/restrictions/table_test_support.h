// Tables from texts of a test.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// Files by path.
class Texts {
 public:
  Texts() = default;
  /// Path and text.
  Texts(std::initializer_list<std::pair<const std::string, std::string>> files) : files_(files) {}

  /// Sources that read these files.
  TableSources sources(BadRows bad_rows = BadRows::refuse) const {
    return {.read = [files = files_](const std::string& path) -> Result<std::string> {
              const auto file = files.find(path);
              if (file == files.end()) return fail(Fault::not_found, path + ": no such file");
              return file->second;
            },
            .bad_rows = bad_rows};
  }
  /// Opens a table; a failure fails the test.
  std::shared_ptr<const Table> open(const std::string& spec) const {
    auto table = open_table(spec, sources());
    if (table) return *table;
    ADD_FAILURE() << spec << ": " << table.error().message;
    return open_table("fail:", sources()).value_or(nullptr);
  }

 private:
  std::map<std::string, std::string> files_;
};

/// A lookup and its expected value; null: absent.
struct Case {
  const char* spec;   ///< of the table
  const char* key;    ///< to look up
  const char* value;  ///< expected
};

/// Performs the lookup.
inline void check(const Case& one, const Texts& texts) {
  const auto table = texts.open(one.spec);
  if (table == nullptr) return;
  const Found found = table->lookup(one.key);
  EXPECT_EQ(found.status, one.value != nullptr ? Found::Status::found : Found::Status::absent)
      << one.spec << " " << one.key << " " << found.value << found.trouble;
  if (one.value != nullptr) {
    EXPECT_EQ(found.value, one.value) << one.spec << " " << one.key;
  }
}

}  // namespace postern::dialect::restrictions
