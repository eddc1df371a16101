// Which rules of a configuration the tests reached.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include <boost/json/object.hpp>

#include "config/config.h"
#include "dialect/restrictions/rules.h"
#include "policy/directory.h"
#include "policy/trace.h"

namespace postern::ptest {

/// Rules of restriction lists, directives of `.vsl` policies, hooks of Lua policies and checks of
/// webhook policies, and rows of access tables. Lines of scripts are not counted.
class Coverage {
 public:
  /// What comes next is of this configuration, whose rules are others than those of another, though
  /// they stand at the same place.
  void begin(const std::string& configuration) { configuration_ = configuration; }
  /// Adds the rules of a configuration; again changes nothing.
  void add_rules(const app::Config& config);
  /// Adds the rules of a file's webhook policies.
  void add_rules(const policy::Directory& directory, const std::set<std::string>& policies);
  /// Counts what one test asked and decided.
  void add_test(const policy::Trace& trace);

  /// What is proved of a rule of restriction lists.
  struct Proof {
    /// Of several files of tests with other webhooks the last of these words counts.
    enum class Word : std::uint8_t { idle, spare, needed, unknown };
    Word word = Word::unknown;
    std::string text;             ///< how a test could reach it, or why it is unknown; one line
    boost::json::object witness;  ///< for `needed`: a dialogue, else empty
  };
  /// The origins of rules of restriction lists that no test decided.
  std::set<std::string> undecided() const;
  /// Notes what is proved of the rule with this origin.
  void add_proof(const std::string& origin, Proof proof);

  /// Rules that a test decided, in percent of those that can decide; 100 without rules.
  double percent() const;
  /// `{"rules":
  /// [{"config","layer","at","rule","decided","asked","rows","proof","witness"?,"why"?}],
  /// "decided", "all", "idle", "percent"}`; `rows`: `[{"row","decided","found"}]`, or null.
  boost::json::object json() const;
  /// The headline, the rules that no test decided, and those of whose tables it found not all rows.
  std::string text() const;

 private:
  /// Tables with more rows are not counted by rows.
  static constexpr std::size_t most_rows = 10'000;
  /// Tests that found a row.
  struct RowCount {
    std::size_t decided = 0;  ///< by it
    std::size_t found = 0;    ///< also of those that it did not decide: DUNNO
  };
  /// Tests, by what they did.
  struct Count {
    std::size_t decided = 0;
    std::size_t asked = 0;
    std::optional<Proof> proof = {};
    std::shared_ptr<const dialect::restrictions::Table> table = {};  ///< read last; may be null
    std::map<std::string, RowCount> rows = {};                       ///< of all tables
    bool is_idle() const { return decided == 0 && proof && proof->word == Proof::Word::idle; }
  };
  struct Key {
    std::string configuration;
    std::string layer;
    std::string at;
    std::string rule;
    auto operator<=>(const Key&) const = default;
  };

  std::size_t decided() const;
  std::size_t idle() const;
  void add_rule(const dialect::restrictions::Rule& rule);
  std::string rows_text() const;
  /// "restrictions reject at smtpd_relay_restrictions:1", with its configuration if there are more.
  std::string name_of(const Key& key) const;

  std::string configuration_;
  std::map<Key, Count> rules_;
};

}  // namespace postern::ptest
