#include "mailauth/dkim/reason.h"

#include <array>

namespace mailauth::dkim {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 45> reason_texts = {
    "verified",
    "header section too long",
    "tag list malformed",
    "tag repeated",
    "too many tags",
    "required tag missing",
    "version not 1",
    "algorithm unknown",
    "rsa-sha1 is not trusted",
    "canonicalization unknown",
    "d= is no domain name",
    "s= is no selector",
    "i= malformed",
    "i= outside d=",
    "no known query method in q=",
    "h= malformed",
    "From is not signed",
    "bh= malformed",
    "b= malformed",
    "l= malformed",
    "t= or x= malformed",
    "x= is not after t=",
    "not evaluated: too many signatures",
    "signature expired",
    "signature from the future",
    "d= is a public suffix",
    "key lookup failed",
    "no key",
    "several key records",
    "key record too long",
    "key record malformed",
    "key version not DKIM1",
    "key revoked",
    "key type unknown",
    "key data malformed",
    "key shorter than 1024 bits",
    "key longer than 4096 bits",
    "key exponent out of range",
    "key is of another type than a=",
    "key does not allow the hash",
    "key is not for e-mail",
    "key requires i= to be in d= itself",
    "l= beyond the body",
    "body hash did not verify",
    "signature did not verify",
};
constexpr std::array<std::string_view, 7> status_texts = {
    "none", "pass", "fail", "policy", "neutral", "temperror", "permerror",
};
static_assert(reason_texts.size() == static_cast<std::size_t>(Reason::value_mismatch) + 1);
static_assert(status_texts.size() == static_cast<std::size_t>(Status::permerror) + 1);

}  // namespace

Status status_of(Reason reason) {
  switch (reason) {
    case Reason::ok:
      return Status::pass;
    case Reason::key_unavailable:
      return Status::temperror;
    case Reason::over_limit:
      return Status::neutral;
    case Reason::expired:
    case Reason::from_future:
    case Reason::domain_is_public_suffix:
    case Reason::key_too_short:
    case Reason::algorithm_sha1:
    case Reason::body_hash_mismatch:
    case Reason::value_mismatch:
      return Status::fail;
    default:
      return Status::permerror;
  }
}

std::string_view to_text(Reason reason) { return reason_texts[static_cast<std::size_t>(reason)]; }

std::string_view to_text(Status status) { return status_texts[static_cast<std::size_t>(status)]; }

}  // namespace mailauth::dkim
