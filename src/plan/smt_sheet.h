// The script of a question for another solver (plan/smt.h): terms, the dialogue as constants, and
// what is certain of it.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/strangers.h"
#include "plan/classes.h"
#include "policy/answers.h"

namespace postern::plan::smt {

/// Thrown for what cannot be stated.
struct LeftOut : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Terms. "true" and "false" are folded.

using Terms = std::vector<std::string>;   ///< of one conjunction, or disjunction
std::string all(const Terms& terms);      ///< all of them hold
std::string any(const Terms& terms);      ///< one of them holds
std::string no(const std::string& term);  ///< it does not hold

/// The variable is this text. Throws LeftOut for characters that scripts do not have.
std::string equal(const std::string& variable, std::string_view text);
/// The variable ends in this text, which is shorter or all of it. Throws LeftOut.
std::string ends_with(const std::string& variable, const std::string& text);
/// The variable has this character.
std::string has(const std::string& variable, char c);

std::string family(bool is_v4);                   ///< the client's address is of this family
std::string in_network(const Cidr& network);      ///< it is in the network: a mask
std::string in_range(const AddressRange& range);  ///< it is in the range

/// In the place of a domain: an address literal of this host, and another one.
inline constexpr std::string_view own_literal = "[own]";
inline constexpr std::string_view other_literal = "[other]";  ///< likewise

/// The script. Texts of the dialogue are in lower case, as rules look at them.
class Sheet {
 public:
  /// `served`: of both versions.
  explicit Sheet(const ServedSessions& served);

  /// Adds a line for people.
  void comment(std::string_view text);
  /// What is certain.
  void require(const std::string& term);
  /// Keeps what cannot be stated, once. The script is of no use then.
  void leave_out(const std::string& why);
  /// All of it, in the order in which it was met.
  const std::vector<std::string>& left_out() const { return left_out_; }
  /// Names a term.
  std::string define(const std::string& term);
  /// A constant, or a function `of` a sort. False: it is declared already.
  bool declare(const std::string& name, std::string_view sort, std::string_view of = "");
  /// What follows from the parts that were asked for. Call it once, at the end.
  void finish();
  /// The script so far.
  std::string text() const;

  // Parts of the dialogue, declared when they are first asked for.

  void client();       ///< client_v6, client4, client6
  void client_name();  ///< client_name, name_found: PTR has it; name_verified, name_unanswered
  void session();      ///< tls, login, login_name
  void helo();         ///< helo_given, helo
  /// `who`: "sender" or "rcpt". sender_local, sender_domain, sender_null: completed, and without a
  /// route through this host.
  void address(const std::string& who);
  /// The local part without its extension; "": none can have one. Throws LeftOut.
  std::string base(const std::string& who, const std::string& delimiters);

  // Terms about them.

  /// A name is a host name; `dots`: with a dot inside.
  std::string is_host(const std::string& name, bool dots);
  /// What DNS says of the mail domain of a name: 0 it exists, 1 null MX, 2 no answer, 3 missing.
  std::string in_dns(const std::string& name);
  /// A list in DNS has the client (`name` empty) or a name. Throws LeftOut for ranges.
  std::string listed(const policy::DnsList& list, const std::string& name);

 private:
  std::vector<std::string> left_out_;
  const ServedSessions served_;
  Terms lines_;
  std::set<std::string> declared_;
  std::map<std::string, std::size_t> zones_;
  std::map<std::string, std::string> defined_;  ///< names by their terms
};

}  // namespace postern::plan::smt
