// Removes values from the record of a call: secrets and, in a call that judges a login, all values
// that stores returned. Each value is replaced by a placeholder such as `<withheld 3>`, the same
// one wherever the value occurs in the call, so that comparisons have the same results in a rerun.
// Neither the value nor a hash of it is kept, as a password can be guessed from its hash.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/secret.h"

namespace postern::script {

namespace json = boost::json;

/// One recorded answer of a host function, for rerunning the script.
struct Told {
  std::string function;  ///< as scripts call it: "load"
  std::string answer;    ///< JSON array of results; after an error its text
  /// Whether the function failed.
  bool failed = false;
  std::uint64_t times = 1;       ///< consecutive equal answers, for instance of a clock in a loop
  json::value thrown = nullptr;  ///< data of a host error value, see Thrown::data()
};

/// Where an answer comes from.
enum class Source {
  store,  ///< data from outside: withheld in a call that judges a login
  facts,  ///< clock, random numbers, session, existence of files: kept unless a known secret
};

/// How table keys are written, see stack::data_at().
enum class Keys { plain, typed };

/// Whether a secret occurs in a text. A secret under four octets must be a separate word.
bool holds_secret(std::string_view text, std::string_view secret);

/// Ranges of a text in which such secrets occur, sorted; overlapping ones are merged.
struct Range {
  std::size_t begin = 0;  ///< first octet
  std::size_t end = 0;    ///< after the last octet
};
/// The ranges of all `secrets`.
std::vector<Range> ranges_of(std::span<const std::string_view> secrets, std::string_view text);
/// The text with each range replaced by the result of `instead` for its octets.
std::string replaced(std::string text, std::span<const std::string_view> secrets,
                     const std::function<std::string(std::string_view)>& instead);
/// The text with each range replaced by "<redacted>".
std::string redacted(std::string text, std::span<const std::string_view> secrets);
/// What replaces secrets in logs and errors.
inline constexpr std::string_view redaction = "<redacted>";

/// The withheld values of one call, with their placeholders.
class Withheld {
 public:
  /// What is public in a call that judges a login. Everything outlives the call.
  struct Login {
    std::vector<std::string_view> names;  ///< user names that the client sent
    std::string_view program;             ///< the script's text, whose words are public
    std::string_view counting;            ///< the function whose numeric result is a row count
  };

  /// Withholds the text, and from four octets on also its occurrences in other texts.
  void keep_secret(std::string text);
  /// The same with a fixed placeholder name, "loaded 1".
  void keep_secret_as(std::string_view text, std::string name);
  /// From now on withholds all values from stores except booleans, 0, 1 and what is public.
  void judge_login(Login login) { login_ = std::move(login); }
  /// Whether judge_login() was called.
  bool judges_login() const { return login_.has_value(); }

  /// The placeholder of a text, "<withheld 3>", followed by the text's line ends.
  std::string stranger(std::string_view text);
  /// A function's results with placeholders.
  json::value concealed(std::string_view function, const json::value& value, Source source,
                        Keys keys);
  /// An error text with placeholders.
  std::string concealed(std::string text);
  /// Whether the text is a withheld value, contains one or is part of one, ignoring case.
  bool touches(std::string_view text) const;
  /// The same for known secrets only.
  bool touches_secret(std::string_view text) const;
  /// The number of values that touches() compares with.
  std::size_t size() const { return entries_.size(); }

 private:
  struct Walk;
  bool touches(std::string_view text, bool all) const;
  struct Entry {
    std::string name;    ///< "withheld 3"; empty: it has not occurred yet
    std::string low;     ///< the value in lower case
    bool known = false;  ///< a secret in any call, not only in one that judges a login
  };
  Entry& entry_of(std::string_view core);
  const std::string& name_of(std::string_view core);
  bool is_public(std::string_view text) const;
  bool is_word_of_program(std::string_view text) const;
  json::value string(std::string_view text, bool all);
  json::value number(const json::value& value);
  std::string key(std::string_view key, bool all, Keys keys);
  json::value walk(const json::value& value, bool all, Keys keys);
  std::string parts_replaced(std::string text, bool all);

  std::map<std::string, Entry, std::less<>> entries_;
  std::size_t count_ = 0;  ///< placeholders that have a number
  std::optional<Login> login_;
};

/// Replaces placeholders by values for a rerun: `stranger` by the password, if one is given;
/// placeholders of numbers by distinct numbers. Returns the replacement of `stranger`.
std::string stand_in(std::vector<Told>& told, const std::string& stranger, const Secret* password);

/// Parses a record's JSON, whose strings may hold any octets.
json::value parse_kept(std::string_view text);

}  // namespace postern::script
