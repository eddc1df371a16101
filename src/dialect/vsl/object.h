// Objects and statuses: the values of `.vsl` that are neither numbers nor text.
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
using ObjectPtr = std::shared_ptr<const Object>;

/// Immutable; shared by states and threads.
class Object {
 public:
  /// `string` only among the members of lists: elsewhere a string is its text and no object.
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

  /// Of one text: every type but file, group and code. Fault::malformed with a sentence that quotes
  /// the text.
  static Result<ObjectPtr> make(Type type, std::string_view text);
  /// A list file or a group: any objects, nested groups included. Throws a sentence beyond 32
  /// groups in one another and ten million members in all.
  static ObjectPtr list(Type type, std::vector<ObjectPtr> members);
  static ObjectPtr code(smtp::Reply reply);
  /// The null sender is an address whose text, local part and domain are "".
  static ObjectPtr address(const std::optional<mail::Mailbox>& mailbox);
  /// "550 5.7.1 text", "250 text": of `code` objects and of text in the place of one.
  static Result<smtp::Reply> parse_code(std::string_view text);
  virtual ~Object();

  Type type() const { return type_; }
  /// As scripts write it; of a code "550 5.7.1 text", of a list "[a, b]", cut at 64 KiB.
  const std::string& text() const { return text_; }
  /// Of address; nullopt: the null sender.
  const std::optional<mail::Mailbox>& mailbox() const { return mailbox_; }
  const smtp::Reply& reply() const { return reply_; }                 ///< of code
  const std::vector<ObjectPtr>& members() const { return members_; }  ///< of file and group
  /// Of ip4, ip6, rg4, rg6: a /32 or /128 for an address.
  const std::optional<Cidr>& network() const { return network_; }
  bool matches(std::string_view text) const;  ///< of regex: unanchored

  /// `==`; reference, section 3. nullopt: these cannot be compared, `why` says it.
  std::optional<bool> equals(std::string_view text, std::string& why) const;
  std::optional<bool> equals(const Object& other, std::string& why) const;
  /// `x in this`.
  std::optional<bool> contains(std::string_view text, std::string& why) const;
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

/// The word scripts know a type by; accepts old spellings ("addr", "ident", "str", "val").
std::optional<Object::Type> object_type(std::string_view word);
std::string_view to_string(Object::Type type);

/// What a rule says.
struct Status {
  enum class Kind { next, accept, faccept, deny, info, quarantine, refuse_recipient };
  Kind kind = Kind::next;
  std::optional<smtp::Reply> reply;  ///< given by the script
  std::string queue;                 ///< of quarantine
  std::string detail;                ///< for the trace: what a check saw
};
using StatusPtr = std::shared_ptr<const Status>;
std::string_view to_string(Status::Kind kind);

}  // namespace postern::dialect::vsl
