// Which rules of a configuration the tests reached.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include <boost/json/object.hpp>

#include "config/config.h"
#include "policy/directory.h"
#include "policy/trace.h"

namespace postern::ptest {

/// Rules of restriction lists, directives of `.vsl` policies, hooks of Lua policies and checks of
/// webhook policies. Rows of tables and lines of scripts are not counted.
class Coverage {
 public:
  /// Adds the rules of a configuration; again changes nothing.
  void add_rules(const app::Config& config);
  /// Adds the rules of a file's webhook policies.
  void add_rules(const policy::Directory& directory, const std::set<std::string>& policies);
  /// Counts what one test asked and decided.
  void add_test(const policy::Trace& trace);

  /// Rules that a test decided, in percent of all; 100 without rules.
  double percent() const;
  /// `{"rules": [{"layer","at","rule","decided","asked"}], "decided", "all", "percent"}`.
  boost::json::object json() const;
  /// The headline, and the rules that no test decided.
  std::string text() const;

 private:
  /// Tests, by what they did.
  struct Count {
    std::size_t decided = 0;
    std::size_t asked = 0;
  };
  /// Layer, place, rule.
  using Key = std::tuple<std::string, std::string, std::string>;

  std::size_t decided() const;

  std::map<Key, Count> rules_;
};

}  // namespace postern::ptest
