#include "mailauth/arc/validate.h"

#include <algorithm>
#include <map>

namespace mailauth::arc {

using dkim::Canonicalization;

/// The keys that one evaluation has looked up, each of them once.
struct Validator::Keys {
  const Options& options;
  std::map<std::string, dkim::ParsedKey, std::less<>> found;

  /// The key at `name`; nullopt when the limit is reached.
  Evaluation<std::optional<dkim::ParsedKey>> get(std::string name) {
    if (const auto at = found.find(name); at != found.end()) co_return at->second;
    if (found.size() >= options.max_keys) co_return std::nullopt;
    dkim::ParsedKey key = co_await dkim::find_key(name, options.keys);
    co_return found.emplace(std::move(name), std::move(key)).first->second;
  }
};

Validator::Validator(Options options) : options_(options) {}

void Validator::feed(std::string_view chunk) {
  if (!section_) {
    if (!collector_) collector_ = std::make_shared<HeaderCollector>(options_.header);
    chunk.remove_prefix(collector_->feed(chunk));
    if (!collector_->complete()) return;
    begin_body(std::move(collector_));
  }
  for (const auto& hasher : hashers_) hasher->feed(chunk);
}

void Validator::finish() {
  if (!section_) {
    if (!collector_) collector_ = std::make_shared<HeaderCollector>();
    collector_->finish();
    begin_body(std::move(collector_));
  }
  for (const auto& hasher : hashers_) hasher->finish();
}

void Validator::begin_body(std::shared_ptr<const HeaderCollector> header) {
  section_ = std::move(header);
  if (section_->too_long()) {
    trouble_.reason = Reason::header_too_long;
  } else if (const auto trouble = read_sets()) {
    trouble_ = *trouble;
  }
}

std::size_t Validator::memory() const {
  std::size_t octets = sizeof(Validator) + (collector_ ? collector_->memory() : 0) +
                       hashers_.size() * (sizeof(dkim::BodyHasher) + 512) +
                       sets_.capacity() * sizeof(Set);
  for (const Set& set : sets_) {
    octets += set.seal.value.capacity();
    for (const Reading& reading : set.readings) {
      octets += sizeof(Reading) + reading.signature.value.capacity() +
                reading.signature.fields.capacity() * sizeof(std::string);
    }
  }
  return octets;
}

/// RFC 8617 §5.2 steps 1 to 3. Bodies are hashed only for sets that can still matter.
std::optional<Trouble> Validator::read_sets() {
  const auto found = find_sets(header());
  if (!found) return found.error();
  for (const ArcSet& fields : *found) {
    auto seal = parse_seal(header().fields()[fields.seal].body);
    const auto instance = static_cast<std::uint32_t>(sets_.size() + 1);
    if (!seal) {
      seal.error().instance = instance;
      return seal.error();
    }
    Set& set = sets_.emplace_back(Set{.fields = fields, .seal = std::move(*seal)});
    auto readings = parse_message_signature(header().fields()[fields.message_signature].body);
    if (!readings) {
      set.unreadable = readings.error();
      set.unreadable.instance = instance;
      continue;
    }
    for (dkim::Signature& signature : *readings) {
      set.readings.push_back({.signature = std::move(signature)});
    }
  }
  if (sets_.empty()) return std::nullopt;
  if (const auto trouble = check_chain_statuses()) return trouble;
  if (sets_.back().readings.empty()) return sets_.back().unreadable;
  // The newest set first: its body hash is required.
  for (auto set = sets_.rbegin(); set != sets_.rend(); ++set) {
    for (Reading& reading : set->readings) reading.body = hasher_for(reading.signature);
    if (!options_.find_oldest_pass) break;
  }
  return std::nullopt;
}

std::optional<Trouble> Validator::check_chain_statuses() const {
  if (sets_.back().seal.chain_status == Status::fail) {
    return Trouble{.reason = Reason::failed_before,
                   .instance = static_cast<std::uint32_t>(sets_.size())};
  }
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (sets_[i].seal.chain_status == (i == 0 ? Status::none : Status::pass)) continue;
    return Trouble{.reason = Reason::status_wrong, .instance = static_cast<std::uint32_t>(i + 1)};
  }
  return std::nullopt;
}

const dkim::BodyHasher* Validator::hasher_for(const dkim::Signature& signature) {
  for (const auto& hasher : hashers_) {
    if (hasher->serves(signature.forms.body, signature.length)) return hasher.get();
  }
  if (hashers_.size() >= std::max<std::size_t>(options_.max_body_hashes, 1)) return nullptr;
  hashers_.push_back(std::make_unique<dkim::BodyHasher>(signature.forms.body, signature.length));
  return hashers_.back().get();
}

/// RFC 8617 §4.1.2 and RFC 6376 §6.1.3. Cheap checks come first.
dkim::Reason Validator::check_reading(const Set& set, const Reading& reading,
                                      const dkim::KeyRecord& key) const {
  const dkim::Signature& signature = reading.signature;
  if (options_.now) {
    const std::int64_t now = *options_.now;
    if (signature.expires_at && *signature.expires_at < now - options_.skew) {
      return dkim::Reason::expired;
    }
    if (signature.signed_at && *signature.signed_at > now + options_.skew) {
      return dkim::Reason::from_future;
    }
  }
  if (!reading.body) return dkim::Reason::over_limit;
  if (const auto trouble = dkim::key_trouble(key, signature.algorithm);
      trouble != dkim::Reason::ok) {
    return trouble;
  }
  if (reading.body->length_beyond_body()) return dkim::Reason::length_beyond_body;
  const dkim::Digest& hash = reading.body->digest();
  if (!std::equal(hash.begin(), hash.end(), signature.body_hash.begin(), signature.body_hash.end(),
                  [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); })) {
    return dkim::Reason::body_hash_mismatch;
  }
  std::string text;
  dkim::append_selected_fields(signature.forms.header, header(), signature.fields,
                               set.fields.message_signature, text);
  dkim::append_signature_field(signature.forms.header,
                               header().fields()[set.fields.message_signature], text);
  return dkim::verify_digest(key, dkim::sha256(text), signature.value)
             ? dkim::Reason::ok
             : dkim::Reason::value_mismatch;
}

Validator::Checked Validator::check_message_signature(const Set& set,
                                                      const dkim::KeyRecord& key) const {
  Checked checked;
  for (const Reading& reading : set.readings) {
    const dkim::Reason reason = check_reading(set, reading, key);
    if (reason == dkim::Reason::ok) return {.trouble = {}, .reading = &reading};
    if (checked.trouble.detail == dkim::Reason::ok) checked.trouble.detail = reason;
  }
  return checked;
}

Evaluation<Validator::Checked> Validator::verify_message_signature(std::uint32_t instance,
                                                                   Keys& keys) {
  const Set& set = sets_[instance - 1];
  if (set.readings.empty()) co_return Checked{.trouble = set.unreadable};
  const std::string name = set.readings.front().signature.key_name();
  const std::optional<dkim::ParsedKey> key = co_await keys.get(name);
  Checked checked;
  if (!key) {
    checked.trouble.reason = Reason::too_many_keys;
  } else if (!*key) {
    checked.trouble.detail = key->error();
  } else {
    checked = check_message_signature(set, ***key);
  }
  Trouble& trouble = checked.trouble;
  trouble.instance = instance;
  if (trouble.detail == dkim::Reason::key_unavailable) {
    trouble.reason = Reason::key_unavailable;
  } else if (trouble.detail != dkim::Reason::ok) {
    trouble.reason = Reason::message_signature_failed;
  }
  co_return checked;
}

/// RFC 8617 §5.1.1: a seal covers all sets up to its own in relaxed form, each in the order
/// results, message signature, seal. The last field is the seal itself, without the value of b= and
/// without CRLF.
std::vector<dkim::Digest> Validator::seal_digests() const {
  std::vector<dkim::Digest> digests;
  std::string text;
  for (const Set& set : sets_) {
    const auto field = [&](std::size_t index) -> const FieldView& {
      return header().fields()[index];
    };
    dkim::append_field(Canonicalization::relaxed, field(set.fields.results), text);
    dkim::append_field(Canonicalization::relaxed, field(set.fields.message_signature), text);
    const std::size_t before_seal = text.size();
    dkim::append_signature_field(Canonicalization::relaxed, field(set.fields.seal), text);
    digests.push_back(dkim::sha256(text));
    text.resize(before_seal);
    dkim::append_field(Canonicalization::relaxed, field(set.fields.seal), text);
  }
  return digests;
}

/// RFC 8617 §5.2 step 6, beginning with the newest seal.
Evaluation<Trouble> Validator::verify_seals(Keys& keys) {
  const std::vector<dkim::Digest> digests = seal_digests();
  for (std::size_t i = sets_.size(); i-- > 0;) {
    const Seal& seal = sets_[i].seal;
    const std::optional<dkim::ParsedKey> key = co_await keys.get(seal.key_name());
    Trouble trouble{.reason = Reason::seal_failed, .instance = static_cast<std::uint32_t>(i + 1)};
    if (!key) {
      trouble.reason = Reason::too_many_keys;
      co_return trouble;
    }
    trouble.detail = *key ? dkim::key_trouble(***key, seal.algorithm) : key->error();
    if (trouble.detail == dkim::Reason::key_unavailable) trouble.reason = Reason::key_unavailable;
    if (trouble.detail != dkim::Reason::ok) co_return trouble;
    if (!dkim::verify_digest(***key, digests[i], seal.value)) {
      trouble.detail = dkim::Reason::value_mismatch;
      co_return trouble;
    }
  }
  co_return Trouble{};
}

/// RFC 8617 §5.2 step 5. An older signature that cannot be verified counts as broken.
Evaluation<std::uint32_t> Validator::find_oldest_pass(Keys& keys) {
  for (auto instance = static_cast<std::uint32_t>(sets_.size()); --instance > 0;) {
    const Checked checked = co_await verify_message_signature(instance, keys);
    if (checked.trouble.reason != Reason::ok) co_return instance + 1;
  }
  co_return 0;
}

Evaluation<Verdict> Validator::evaluate() {
  Verdict verdict{.instance = highest_instance(header()), .ended = is_ended(header())};
  if (trouble_.reason != Reason::ok) {
    verdict.status = Status::fail;
    verdict.trouble = trouble_;
    co_return verdict;
  }
  if (sets_.empty()) co_return verdict;
  for (const Set& set : sets_) verdict.sealers.push_back(set.seal.domain);
  Keys keys{.options = options_};
  // RFC 8617 §5.2 step 4.
  const Checked newest = co_await verify_message_signature(verdict.instance, keys);
  verdict.trouble = newest.trouble;
  if (verdict.trouble.reason == Reason::ok) {
    verdict.trouble = co_await verify_seals(keys);
  }
  if (verdict.trouble.reason != Reason::ok) {
    const bool later = verdict.trouble.reason == Reason::key_unavailable;
    verdict.status = later ? Status::temperror : Status::fail;
    co_return verdict;
  }
  verdict.trouble = {};
  verdict.status = Status::pass;
  verdict.unsigned_octets = newest.reading->body->unsigned_octets();
  if (options_.find_oldest_pass) {
    verdict.oldest_pass = co_await find_oldest_pass(keys);
  }
  co_return verdict;
}

Evaluation<Verdict> validate(std::string_view message, Options options) {
  Validator validator(options);
  validator.feed(message);
  validator.finish();
  Verdict verdict = co_await validator.evaluate();
  co_return verdict;
}

}  // namespace mailauth::arc
