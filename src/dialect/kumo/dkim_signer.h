// kumo.dkim: signers, and msg:dkim_sign().
#pragma once

#include <memory>
#include <optional>

#include "mailauth/dkim/sign.h"
#include "script/bind.h"
#include "script/memoize.h"

namespace postern::dialect::kumo {

/// Who signs and how, with the key as it was when the signer was made.
struct DkimSigner {
  mailauth::dkim::SignOptions options;
  bool over_sign = false;                  ///< every field of `options` once more than it is there
  std::optional<std::int64_t> expiration;  ///< seconds from the signature on
  /// Null in a policy that is made again from its record, which holds no key.
  std::shared_ptr<const mailauth::dkim::SigningKey> key;
};

script::HostTable dkim_signer_functions();
/// Memoized functions may return signers.
script::SharedClass dkim_signer_class();

}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::DkimSigner> {
  static constexpr std::string_view value = "DkimSigner";
};
}  // namespace postern::script
