// A certificate as it was read, for its checker (check_certificate.cc). It knows nothing of
// diagrams; classes are compared by their text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/ip.h"
#include "dialect/regex.h"
#include "explain/play.h"
#include "mail/address.h"
#include "plan/check_certificate.h"

namespace postern::plan::certified {

namespace json = boost::json;

/// What is wrong with the certificate.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// It cannot be read, or is not about these versions.
struct Unreadable : Wrong {
  using Wrong::Wrong;
};
/// A question that the certificate does not have.
struct NotAsked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The axes in the order of their variables, as the certificate names them.
enum AxisNumber : std::size_t { session, client, name, helo, sender, rcpt, early, axes };
inline constexpr std::array<std::string_view, axes> axis_names{
    "session", "client", "client_name", "helo", "sender", "rcpt", "pipelining"};

/// In an answer, where the client's own login stands.
inline constexpr std::string_view own_login = "%login";

/// A member that is a string, or "".
std::string text_in(const json::object& object, std::string_view key);
/// A member that is true.
bool is(const json::object& object, std::string_view key);

/// Whether the last label is a number, or the name is an address.
bool ends_in_number(std::string_view name);
/// Whether it is of digits and dots.
bool is_number(std::string_view name);
/// Whether a name that is no number ends in one.
bool has_number_last(std::string_view name);

/// A class of any axis.
struct Members {
  IpAddress first, last, one;  ///< client
  std::string kind;            ///< client name
  std::string name;            ///< client name, HELO, domain
  std::string below;           ///< of names and domains
  bool other = false;          ///< names and domains that no class has
  bool tls = false;            ///< session
  std::optional<std::string> login;
  bool any = false;                      ///< logins that no class has
  app::Early early = app::Early::never;  ///< pipelining
  bool null = false;                     ///< sender
  std::string local_part, local;         ///< addresses
  bool extended = false, winding = false, quoted = false;
  std::optional<mail::Mailbox> read;  ///< in place of an address with a route
  bool like_network = false;          ///< client name
};

/// A question and its answers.
struct Question {
  std::string key, zone, of, type, name, service;
  std::optional<std::string> request;
  bool free = false;         ///< a pattern or a rule: the evaluation has its answer
  bool is_rule = false;      ///< the latter: a rule that a version has
  std::string pattern;       ///< of a version
  std::size_t about = axes;  ///< the part of the dialogue that it is searched in
  std::string piece;         ///< what of it: "whole"; of addresses others, too
  std::string text;          ///< or this text
  std::shared_ptr<const dialect::Regex> regex = {};  ///< null: only the evaluation knows
  std::size_t axis = axes;  ///< the diagram asks it behind this one and above the next
  std::vector<json::object> answers;
};

/// A node of the diagram.
struct Node {
  std::size_t variable = 0;
  std::vector<std::uint32_t> children;  ///< none: a leaf
  std::string before, after;
  bool impossible = false;
};

/// A number for each address, in the order of addresses.
std::array<std::uint8_t, 16> number_of(const IpAddress& address);
/// The address with this number.
IpAddress address_of(const std::array<std::uint8_t, 16>& number, bool v4);
/// The next address; nullopt: this is the highest.
std::optional<IpAddress> after(const IpAddress& address);
/// Throws Wrong: the text is no address.
IpAddress ip(std::string_view text);

/// What a certificate has.
struct CertificateText {
  std::set<std::pair<std::string, std::string>> never;  ///< claims: group, kind
  bool same_handling = false;                           ///< a claim, too
  std::vector<std::string> claims;                      ///< all of them, one sentence each
  std::array<std::vector<Members>, axes> classes;       ///< empty: the lists are the same
  std::string axes_text;                                ///< the lines of the classes
  std::vector<Question> questions;                      ///< their variables are behind the axes
  std::vector<Node> nodes;                              ///< the last is the root

  /// How many values a variable has. Throws Wrong: it is none.
  std::size_t values_of(std::size_t variable) const;
  /// Where the diagram asks it. Throws Wrong.
  std::pair<std::size_t, std::size_t> depth_of(std::size_t variable) const;
};

/// Throws Unreadable: it is of other versions, or cut off; Wrong; or what JSON throws. `digests`:
/// of OLD and NEW.
CertificateText read_certificate(std::string_view text, const std::array<std::string, 2>& digests);

}  // namespace postern::plan::certified
