// kumo.dkim: signers, and msg:dkim_sign().
#pragma once

#include <memory>
#include <optional>

#include "mailauth/dkim/sign.h"
#include "script/bind.h"
#include "script/memoize.h"

namespace postern::dialect::kumo {

/// A domain's DKIM signer (RFC 6376 §5). It holds the key that was loaded when it was made.
struct DkimSigner {
  mailauth::dkim::SignOptions options;  ///< domain, selector, fields, canonicalization
  bool over_sign = false;  ///< lists every field once more than it occurs (RFC 6376 §8.15)
  /// Of the `x=` tag: seconds after signing; nullopt: no tag.
  std::optional<std::int64_t> expiration;
  /// Null in a policy that is rebuilt from its record, which holds no keys.
  std::shared_ptr<const mailauth::dkim::SigningKey> key;
};

/// kumo.dkim and msg:dkim_sign().
script::HostTable dkim_signer_functions();
/// Allows memoized functions to return signers.
script::SharedClass dkim_signer_class();

}  // namespace postern::dialect::kumo

namespace postern::script {
/// Registers `DkimSigner` as a class of scripts.
template <>
struct ClassName<dialect::kumo::DkimSigner> {
  static constexpr std::string_view value = "DkimSigner";  ///< its name there
};
}  // namespace postern::script
