// The keys that sign outgoing mail, in memory, as the hot path asks for them.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/sign.h"
#include "policy/directory.h"

namespace postern::policy {

/// What signs for one domain: the newest key of each algorithm (RFC 8463 §3 wants both). Immutable.
struct DkimSigner {
  struct Key {
    std::string selector;
    mailauth::dkim::SigningKey key;
  };
  std::string domain;  ///< d=, lower case A-labels
  std::string account_id;
  std::vector<Key> keys;  ///< never empty
};

/// Safe from any thread; an edit is visible to the next lookup when it returns. Keys are parsed
/// when they are put here, never while mail waits.
class DkimKeyring {
 public:
  /// Replaces what signed for the domain.
  void put(std::shared_ptr<const DkimSigner> signer);
  void remove(std::string_view domain);

  /// Who signs for an author's domain (A-labels, lower case): the domain itself, else the nearest
  /// above it that has keys, not above its organizational domain (RFC 7489 §3.2), so that the
  /// signature is aligned. Null: nobody. Lookups are O(labels).
  std::shared_ptr<const DkimSigner> signer_for(std::string_view author_domain) const;
  std::size_t size() const;

 private:
  struct NameOf {
    std::string_view operator()(const std::shared_ptr<const DkimSigner>& signer) const {
      return signer->domain;
    }
  };

  mutable std::shared_mutex mutex_;
  PartedSet<std::shared_ptr<const DkimSigner>, NameOf> signers_;
};

}  // namespace postern::policy
