#include "mailauth/dkim/verify.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.h"
#include "mailauth/dkim/body_hasher.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/names.h"

namespace mailauth::dkim {
namespace {

constexpr std::string_view signature_field = "DKIM-Signature";

/// Fields of which mail readers show one; RFC 5322 §3.6 allows each of them once.
constexpr std::array<std::string_view, 7> single_fields = {
    "From", "Subject", "To", "Date", "Reply-To", "MIME-Version", "Content-Type"};

/// A DKIM-Signature field under evaluation.
struct Candidate {
  std::size_t field = 0;         ///< index into HeaderView::fields()
  BodyHasher* hasher = nullptr;  ///< null: not evaluated
};

/// The domains after an "@" in the From fields. Only the order of evaluation depends on them, so
/// one inside a quoted string or a comment does no harm.
std::vector<std::string> domains_in_from(const HeaderView& header) {
  constexpr std::size_t enough = 4;
  std::vector<std::string> domains;
  for (const FieldView& field : header.fields()) {
    if (!field.is("From")) continue;
    std::size_t at = 0;
    while ((at = field.body.find('@', at)) != std::string_view::npos && domains.size() < enough) {
      const std::string_view rest = field.body.substr(++at);
      const std::size_t end = rest.find_first_of(" \t\r\n<>()[],;:\"\\@");
      if (const auto domain = normalize_domain(rest.substr(0, end))) {
        domains.push_back(SuffixList::system().organizational_domain(*domain));
      }
    }
  }
  return domains;
}

bool is_preferred(std::string_view domain, const std::vector<std::string>& preferred) {
  return std::any_of(preferred.begin(), preferred.end(), [&](const std::string& one) {
    return is_subdomain(domain, one) || is_subdomain(one, domain);
  });
}

std::size_t times_signed(const Signature& signature, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(signature.fields.begin(), signature.fields.end(),
                    [&](const std::string& field) { return postern::iequals(field, name); }));
}

/// Estimated octets of a hasher with its digest context.
constexpr std::size_t hasher_memory = sizeof(BodyHasher) + 512;

/// Keeps only what a report names: domain, selector, algorithm.
void strip(Signature& signature) {
  std::vector<std::string>().swap(signature.fields);
  std::string().swap(signature.body_hash);
  std::string().swap(signature.value);
}

std::size_t memory_of(const Signature& signature) {
  return signature.domain.capacity() + signature.selector.capacity() +
         signature.identity.capacity() + signature.identity_domain.capacity() +
         signature.body_hash.capacity() + signature.value.capacity() +
         signature.fields.capacity() * sizeof(std::string);
}

/// The checks that need no key come first: they may save a DNS query.
Reason trouble_without_key(const Signature& signature, const BodyHasher& hasher,
                           std::int64_t oldest) {
  // RFC 6376 §3.5: a signature is invalid after the time in x=.
  if (signature.expires_at && *signature.expires_at < oldest) return Reason::expired;
  if (hasher.length_beyond_body()) return Reason::length_beyond_body;
  const Digest& digest = hasher.digest();
  const bool same = signature.body_hash.size() == digest.size() &&
                    std::memcmp(signature.body_hash.data(), digest.data(), digest.size()) == 0;
  if (!same) return Reason::body_hash_mismatch;
  // RFC 6376 §8.13: the domain of a registry cannot authenticate mail of its registrants.
  return SuffixList::system().is_registry_suffix(signature.domain) ? Reason::domain_is_public_suffix
                                                                   : Reason::ok;
}

}  // namespace

struct Verifier::State {
  VerifyOptions options;
  /// Null: the caller holds the header section.
  std::shared_ptr<HeaderCollector> collector;
  std::shared_ptr<const HeaderCollector> section;  ///< null until it is complete
  Results results;
  std::vector<Candidate> candidates;  ///< parallel to results.signatures
  std::vector<std::unique_ptr<BodyHasher>> hashers;
  bool over = false;  ///< the hashers are finished

  explicit State(VerifyOptions given) : options(std::move(given)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() = default;

  const HeaderView& header() const { return section->view(); }
  void end_header(std::shared_ptr<const HeaderCollector> complete);
  void choose();
  std::size_t memory() const;
  BodyHasher* hasher_for(const Signature& signature);
  bool has_uncovered_field(const Signature& signature) const;
  Reason check_key(const KeyRecord& key, std::size_t index) const;
  void settle(std::size_t index, Reason reason, const KeyRecord* key);
};

void Verifier::State::end_header(std::shared_ptr<const HeaderCollector> complete) {
  section = std::move(complete);
  collector.reset();
  if (section->too_long()) {
    results.header_too_long = true;
    return;
  }
  results.from_fields = header().count("From");
  for (std::size_t i = 0; i < header().fields().size(); ++i) {
    const FieldView& field = header().fields()[i];
    if (!field.is(signature_field)) continue;
    ParsedSignature parsed = parse_signature(field.body);
    // Only a few are evaluated. Beyond that number keep what ranks them; those chosen are parsed
    // again.
    if (candidates.size() >= options.max_signatures) strip(parsed.signature);
    if (parsed.reason == Reason::ok && parsed.signature.algorithm == Algorithm::rsa_sha1) {
      parsed.reason = Reason::algorithm_sha1;
    }
    results.signatures.push_back({.signature = std::move(parsed.signature),
                                  .status = status_of(parsed.reason),
                                  .reason = parsed.reason});
    candidates.push_back({.field = i});
  }
  choose();
}

/// Selects well-formed signatures by rank up to the limit and gives each a hasher.
void Verifier::State::choose() {
  std::vector<std::pair<int, std::size_t>> usable;  // rank, then index
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (results.signatures[i].reason == Reason::ok) usable.emplace_back(0, i);
  }
  if (usable.size() > options.max_signatures) {
    const std::vector<std::string> author = domains_in_from(header());
    for (auto& [rank, i] : usable) {
      const std::string& domain = results.signatures[i].signature.domain;
      if (is_preferred(domain, options.preferred_domains)) continue;
      rank = is_preferred(domain, author) ? 1 : 2;
    }
    std::sort(usable.begin(), usable.end());
    for (std::size_t n = options.max_signatures; n < usable.size(); ++n) {
      SignatureResult& left_out = results.signatures[usable[n].second];
      left_out.reason = Reason::over_limit;
      left_out.status = status_of(Reason::over_limit);
      strip(left_out.signature);
    }
    usable.resize(options.max_signatures);
  }
  for (const auto& [rank, i] : usable) {
    Signature& signature = results.signatures[i].signature;
    if (signature.fields.empty()) {
      signature = parse_signature(header().fields()[candidates[i].field].body).signature;
    }
    candidates[i].hasher = hasher_for(signature);
  }
}

std::size_t Verifier::State::memory() const {
  std::size_t octets = sizeof(State) + (collector ? collector->memory() : 0) +
                       candidates.capacity() * sizeof(Candidate) +
                       results.signatures.capacity() * sizeof(SignatureResult) +
                       hashers.size() * hasher_memory;
  for (const SignatureResult& one : results.signatures) octets += memory_of(one.signature);
  return octets;
}

BodyHasher* Verifier::State::hasher_for(const Signature& signature) {
  for (const auto& hasher : hashers) {
    if (hasher->serves(signature.forms.body, signature.length)) return hasher.get();
  }
  hashers.push_back(std::make_unique<BodyHasher>(signature.forms.body, signature.length));
  return hashers.back().get();
}

bool Verifier::State::has_uncovered_field(const Signature& signature) const {
  return std::any_of(single_fields.begin(), single_fields.end(), [&](std::string_view name) {
    const std::size_t there = header().count(name);
    return there > 1 && there > times_signed(signature, name);
  });
}

/// RFC 6376 §6.1.2 from step 4 on, and RFC 6376 §6.1.3.
Reason Verifier::State::check_key(const KeyRecord& key, std::size_t index) const {
  const Signature& signature = results.signatures[index].signature;
  const Reason trouble = key_trouble(key, signature.algorithm);
  if (trouble != Reason::ok) return trouble;
  if (key.exact_identity && signature.identity_domain != signature.domain) {
    return Reason::key_identity_not_exact;
  }
  const std::size_t own = candidates[index].field;
  std::string covered;
  covered.reserve(2048);
  append_selected_fields(signature.forms.header, header(), signature.fields, own, covered);
  append_signature_field(signature.forms.header, header().fields()[own], covered);
  return verify_digest(key, sha256(covered), signature.value) ? Reason::ok : Reason::value_mismatch;
}

void Verifier::State::settle(std::size_t index, Reason reason, const KeyRecord* key) {
  SignatureResult& result = results.signatures[index];
  result.reason = reason;
  result.status = status_of(reason);
  result.unsigned_octets = candidates[index].hasher->unsigned_octets();
  result.uncovered_field = has_uncovered_field(result.signature);
  result.header_ambiguous = header().ambiguous();
  result.key_bits = key != nullptr ? key->bits : 0;
  result.testing = key != nullptr && key->testing;
  result.acceptable = reason == Reason::ok && result.unsigned_octets == 0 && !result.testing &&
                      !result.uncovered_field && !result.from_future && results.from_fields == 1 &&
                      !result.header_ambiguous;
}

namespace {

Evaluation<Results> evaluate(std::shared_ptr<Verifier::State> state, std::int64_t now) {
  // Signatures with the same key name share the answer.
  std::vector<std::pair<std::string, ParsedKey>> keys;
  for (std::size_t i = 0; i < state->candidates.size(); ++i) {
    const BodyHasher* hasher = state->candidates[i].hasher;
    if (hasher == nullptr) continue;
    const Signature& signature = state->results.signatures[i].signature;
    state->results.signatures[i].from_future =
        signature.signed_at && *signature.signed_at > now + state->options.skew_seconds;
    const Reason reason =
        trouble_without_key(signature, *hasher, now - state->options.skew_seconds);
    if (reason != Reason::ok) {
      state->settle(i, reason, nullptr);
      continue;
    }
    const std::string name = signature.key_name();
    auto known = std::find_if(keys.begin(), keys.end(),
                              [&](const auto& entry) { return entry.first == name; });
    if (known == keys.end()) {
      ParsedKey key = co_await find_key(name, state->options.cache);
      known = keys.insert(keys.end(), {name, std::move(key)});
    }
    const ParsedKey& key = known->second;
    if (key) {
      state->settle(i, state->check_key(**key, i), key->get());
    } else {
      state->settle(i, key.error(), nullptr);
    }
  }
  co_return state->results;
}

}  // namespace

Status SignatureResult::reported() const {
  const bool refused = status == Status::pass && !acceptable && !testing;
  return refused ? Status::policy : status;
}

Status Results::overall() const {
  if (header_too_long) return Status::permerror;
  constexpr std::array<Status, 5> best_first = {Status::pass, Status::temperror, Status::fail,
                                                Status::permerror, Status::neutral};
  for (const Status status : best_first) {
    for (const SignatureResult& result : signatures) {
      if (result.status == status) return status;
    }
  }
  return Status::none;
}

bool Results::any_acceptable() const {
  return std::any_of(signatures.begin(), signatures.end(),
                     [](const SignatureResult& result) { return result.acceptable; });
}

Verifier::Verifier(VerifyOptions options) : state_(std::make_shared<State>(std::move(options))) {}
Verifier::~Verifier() = default;
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;

void Verifier::feed(std::string_view chunk) {
  State& state = *state_;
  if (!state.section) {
    if (!state.collector) state.collector = std::make_shared<HeaderCollector>(state.options.header);
    chunk.remove_prefix(state.collector->feed(chunk));
    if (!state.collector->complete()) return;
    state.end_header(state.collector);
  }
  for (const auto& hasher : state.hashers) hasher->feed(chunk);
}

void Verifier::begin_body(std::shared_ptr<const HeaderCollector> header) {
  state_->end_header(std::move(header));
}

std::size_t Verifier::memory() const { return state_ ? state_->memory() : 0; }

const HeaderView* Verifier::header() const {
  return state_ && state_->section ? &state_->header() : nullptr;
}

Evaluation<Results> Verifier::finish(std::int64_t now) {
  if (!state_->section) {
    if (!state_->collector) state_->collector = std::make_shared<HeaderCollector>();
    state_->collector->finish();
    state_->end_header(state_->collector);
  }
  if (!std::exchange(state_->over, true)) {
    for (const auto& hasher : state_->hashers) hasher->finish();
  }
  return evaluate(state_, now);
}

Evaluation<Results> verify_message(std::string_view message, std::int64_t now,
                                   VerifyOptions options) {
  Verifier verifier(std::move(options));
  verifier.feed(message);
  return verifier.finish(now);
}

}  // namespace mailauth::dkim
