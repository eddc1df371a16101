// What scripts store in a session, and their changes to a message.
#pragma once

#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "mail/address.h"

namespace postern::policy {

/// What dialects keep from one stage to the next: one object of each type. An object whose type
/// only one dialect can name is private to that dialect. Copies share the objects,
/// apart() has its own. Not thread-safe.
class DialectMemory {
 public:
  /// The object of this type; the first call makes it from `arguments`. Valid until clear() of all
  /// copies.
  template <class T, class... Arguments>
  T& of(Arguments&&... arguments) {
    Kept& kept = kept_[typeid(T)];
    if (!kept.object) {
      kept.object = std::make_shared<T>(std::forward<Arguments>(arguments)...);
      if constexpr (std::copy_constructible<T>) {
        kept.copy = [](const void* object) -> std::shared_ptr<void> {
          return std::make_shared<T>(*static_cast<const T*>(object));
        };
      }
    }
    return *static_cast<T*>(kept.object.get());
  }
  /// Null if there is none.
  template <class T>
  const T* find() const {
    const auto found = kept_.find(typeid(T));
    return found == kept_.end() ? nullptr : static_cast<const T*>(found->second.object.get());
  }
  /// Null if there is none.
  template <class T>
  T* find() {
    return const_cast<T*>(std::as_const(*this).template find<T>());
  }
  /// Drops the objects; copies keep them.
  void clear() { kept_.clear(); }
  /// A copy that has objects of its own; those of types that cannot be copied are shared.
  DialectMemory apart() const {
    DialectMemory copy(*this);
    for (auto& [type, kept] : copy.kept_) {
      if (kept.copy != nullptr) kept.object = kept.copy(kept.object.get());
    }
    return copy;
  }

 private:
  struct Kept {
    std::shared_ptr<void> object;
    std::shared_ptr<void> (*copy)(const void* object) = nullptr;
  };
  std::map<std::type_index, Kept> kept_;
};

/// Scripts' data of a connection; lives as long as the connection.
struct ScriptSession {
  std::shared_ptr<const void>
      program;               ///< the program that the session uses from its start to its end
  boost::json::object meta;  ///< values that scripts set for the connection
  boost::json::object meta_at_connect;  ///< those set before the client's first command
  std::string greeted_as;               ///< last HELO name that a script permitted
  std::vector<std::string> extensions;  ///< that EHLO is about to offer
  std::optional<std::vector<std::string>>
      offered;         ///< that a script wants EHLO to offer instead; nullopt: no change
  DialectMemory kept;  ///< what each dialect keeps until the end of the session

  /// A copy whose changes this object does not have.
  ScriptSession apart() const {
    ScriptSession copy(*this);
    copy.kept = kept.apart();
    return copy;
  }
  /// Forgets the values about the identity: the client has authenticated as another one.
  void forget_identity() {
    meta.erase("authn_id");
    meta.erase("authz_id");
  }
};

/// A delivery that a script chose for a recipient, instead of that of its route.
struct Transport {
  /// How it is delivered.
  enum class Kind {
    deliver,  ///< by MX records
    forward,  ///< to `target`
    maildir,
    mbox,
    none,  ///< not at all
  };
  Kind kind = Kind::deliver;  ///< of delivery
  std::string target;         ///< "192.0.2.1:25", "[2001:db8::1]:25", "mx.example"
  bool operator==(const Transport&) const = default;
};
/// "deliver", "forward:192.0.2.1:25", "none".
std::string to_string(const Transport& transport);
/// Parses the result of to_string(). Fault::malformed.
Result<Transport> transport_of(std::string_view text);

/// The message as a script left it for some of its recipients.
struct ScriptCopy {
  std::vector<std::size_t> recipients;        ///< indexes in Evidence::recipients
  boost::json::object meta;                   ///< values that scripts set for the message
  std::optional<std::string> text;            ///< the whole message, if changed
  std::optional<mail::Mailbox> reverse_path;  ///< if changed
  std::vector<mail::Mailbox> forward_paths;   ///< if changed
  std::optional<std::string> header;  ///< when no more was changed: the new header section, with
                                      ///< its blank line
  /// authserv-ids of Authentication-Results fields that the script added; received fields with them
  /// have been removed.
  std::vector<std::string> results_of;
  /// The script decides about Authentication-Results: the gateway adds none.
  bool results_by_rules = false;
  bool null_path = false;  ///< changed to the null reverse-path
  bool to_nobody = false;  ///< all recipients were removed: accepted, delivered to none
  /// By recipient address in lower case.
  std::map<std::string, Transport> transports;
  bool operator==(const ScriptCopy&) const = default;

  /// Whether envelope and message are unchanged.
  bool is_as_it_came() const {
    return !text && !header && !reverse_path && !null_path && !to_nobody && forward_paths.empty() &&
           transports.empty();
  }
};

}  // namespace postern::policy
