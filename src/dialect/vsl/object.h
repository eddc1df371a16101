// Objects and statuses: values of `.vsl` that are neither numbers nor strings.
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "mail/address.h"
#include "policy/verdict.h"
#include "smtp/reply.h"

namespace postern::dialect::vsl {

class Object;
/// How values share an object.
using ObjectPtr = std::shared_ptr<const Object>;

/// A value declared with `object`. Immutable; shared by Lua states and threads.
class Object {
 public:
  /// `string` occurs only as a member of lists; elsewhere a string is plain text.
  enum class Type {
    ip4,
    ip6,
    rg4,
    rg6,
    address,
    fqdn,
    identifier,
    string,
    regex,
    file,
    group,
    code
  };

  /// Makes an object from one text; not for file, group and code. Fault::malformed with a sentence
  /// that quotes the text.
  static Result<ObjectPtr> make(Type type, std::string_view text);
  /// Makes a file or group from any objects, nested groups included. Throws a sentence if more than
  /// 32 groups are nested, or with more than ten million members in all.
  static ObjectPtr list(Type type, std::vector<ObjectPtr> members);
  /// Makes a code object.
  static ObjectPtr code(smtp::Reply reply);
  /// Makes an address. The null reverse-path has "" as text, local part and domain.
  static ObjectPtr address(const std::optional<mail::Mailbox>& mailbox);
  /// Parses "550 5.7.1 text" or "250 text", for `code` objects and texts used as one.
  /// Fault::malformed.
  static Result<smtp::Reply> parse_code(std::string_view text);
  virtual ~Object();

  Type type() const { return type_; }  ///< never changes
  /// The text in scripts; of a code "550 5.7.1 text"; of a list "[a, b]", cut at 64 KiB.
  const std::string& text() const { return text_; }
  /// Of an address; nullopt: the null reverse-path.
  const std::optional<mail::Mailbox>& mailbox() const { return mailbox_; }
  const smtp::Reply& reply() const { return reply_; }                 ///< of code
  const std::vector<ObjectPtr>& members() const { return members_; }  ///< of file and group
  /// Of ip4, ip6, rg4 and rg6; a single address has /32 or /128.
  const std::optional<Cidr>& network() const { return network_; }
  bool matches(std::string_view text) const;  ///< of regex: unanchored

  /// The `==` of scripts. nullopt: the two cannot be compared, and `why` says so.
  std::optional<bool> equals(std::string_view text, std::string& why) const;
  /// The same for two objects.
  std::optional<bool> equals(const Object& other, std::string& why) const;
  /// The `x in this` of scripts. nullopt: as for equals().
  std::optional<bool> contains(std::string_view text, std::string& why) const;
  /// The same for an object.
  std::optional<bool> contains(const Object& other, std::string& why) const;

 protected:
  Object() = default;
  Type type_ = Type::identifier;
  std::string text_;
  std::optional<mail::Mailbox> mailbox_;
  std::optional<Cidr> network_;
  smtp::Reply reply_;
  std::vector<ObjectPtr> members_;
};

/// The type for a word; accepts old spellings ("addr", "ident", "str", "val"). nullopt: unknown.
std::optional<Object::Type> object_type(std::string_view word);
/// The word for a type.
std::string_view to_string(Object::Type type);

/// The result of a rule.
struct Status {
  /// What the rule says.
  enum class Kind { next, accept, faccept, deny, info, quarantine, refuse_recipient };
  Kind kind = Kind::next;            ///< see Kind
  std::optional<smtp::Reply> reply;  ///< given by the script; nullopt: the default
  std::string queue;                 ///< of quarantine
  std::string detail;                ///< for the trace: what a check found
};
/// How values share a status.
using StatusPtr = std::shared_ptr<const Status>;
/// "next", "deny".
std::string_view to_string(Status::Kind kind);

}  // namespace postern::dialect::vsl
