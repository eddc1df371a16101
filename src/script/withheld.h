// What a record of a call leaves out: secrets, and in a call that judges a login whatever stores of
// others said. In the place of each such value stands a stranger, `<withheld 3>`, the same one
// wherever the value occurs in the call, so that comparisons come out the same when the call runs
// again. Nothing of the value itself is kept, no hash either: a password may be guessed from it.
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

/// What a script was told by a host function that asked others: enough to run the script again.
struct Told {
  std::string function;  ///< as the script calls it: "load"
  std::string answer;    ///< JSON: a list of results; of a failed one the error's text
  bool failed = false;
  std::uint64_t times = 1;  ///< so often one after the other: of a clock that is asked in a loop
  json::value thrown = nullptr;  ///< of an error of the host's own, see Thrown::data()
};

/// Where an answer comes from.
enum class Source {
  store,  ///< what others keep: withheld in a call that judges a login
  facts,  ///< the clock, chance, the session, whether a file is there: no secret unless known as
          ///< one
};

/// How keys of a table are written, see stack::data_at().
enum class Keys { plain, typed };

/// Whether a secret stands in a text. One under four octets counts where it is a word of its own:
/// elsewhere it cannot be told from the text around it.
bool holds_secret(std::string_view text, std::string_view secret);

/// Where such secrets stand in a text: ranges from begin to end, in order, those that overlap as
/// one.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::vector<Range> ranges_of(std::span<const std::string_view> secrets, std::string_view text);
/// The text with what `instead` gives for a range's octets in its place.
std::string replaced(std::string text, std::span<const std::string_view> secrets,
                     const std::function<std::string(std::string_view)>& instead);
/// The same with `<redacted>`.
std::string redacted(std::string text, std::span<const std::string_view> secrets);
inline constexpr std::string_view redaction = "<redacted>";

class Withheld {
 public:
  /// What is public in a call that judges a login. All outlive the call.
  struct Login {
    std::vector<std::string_view> names;  ///< whom the client named
    std::string_view program;             ///< the script's text: names in it are no secrets
    std::string_view counting;            ///< the function whose bare number is a count of rows
  };

  /// From now on the text is withheld, and from four octets on in other texts, too.
  void keep_secret(std::string text);
  /// The same with a name of its own, "loaded 1".
  void keep_secret_as(std::string_view text, std::string name);
  /// From now on what stores say is withheld, but for booleans, 0 and 1, and what is public.
  void judge_login(Login login) { login_ = std::move(login); }
  bool judges_login() const { return login_.has_value(); }

  /// "<withheld 3>", for a record; line ends behind it stay.
  std::string stranger(std::string_view text);
  /// A function's results as a record may have them.
  json::value concealed(std::string_view function, const json::value& value, Source source,
                        Keys keys);
  /// The same of an error's text.
  std::string concealed(std::string text);
  /// Whether the text is one that is withheld, or one is part of the other, in any case.
  bool touches(std::string_view text) const;
  /// The same of a secret of any call.
  bool touches_secret(std::string_view text) const;
  /// How many values touches() looks at.
  std::size_t size() const { return entries_.size(); }

 private:
  struct Walk;
  bool touches(std::string_view text, bool all) const;
  struct Entry {
    std::string name;    ///< "withheld 3"; empty while it occurred nowhere
    std::string low;     ///< the value in small letters
    bool known = false;  ///< a secret in any call
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
  std::size_t count_ = 0;  ///< numbers given
  std::optional<Login> login_;
};

/// Puts values in the places of strangers, for a call that runs again: of `stranger` the password,
/// where one is given; numbers that differ from all others where numbers were. Returns the text for
/// `stranger` itself.
std::string stand_in(std::vector<Told>& told, const std::string& stranger, const Secret* password);

/// JSON that may hold octets of any kind, as a record has it.
json::value parse_kept(std::string_view text);

}  // namespace postern::script
