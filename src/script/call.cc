#include "script/call.h"

#include <openssl/rand.h>

#include <stdexcept>

namespace postern::script {

std::string Call::redacted(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "<redacted>");
      at += 10;
    }
  }
  return text;
}

void Call::keep_secret(std::string text) {
  if (text.size() < 4) return;
  // In records and logs values are JSON, where it may look otherwise.
  std::string quoted = json::serialize(json::string(text));
  quoted = quoted.substr(1, quoted.size() - 2);
  if (quoted != text) secrets_.push_back(std::move(quoted));
  secrets_.push_back(std::move(text));
}

void Call::tell(Told told) {
  constexpr std::size_t most = 64 * 1024;
  told.answer = redacted(std::move(told.answer));
  if (!told_.empty() && told_.back().function == told.function &&
      told_.back().answer == told.answer && told_.back().failed == told.failed) {
    ++told_.back().times;
    return;
  }
  kept_ += told.answer.size();
  if (kept_ <= most) told_.push_back(std::move(told));
}

json::array Call::next_answer(std::string_view function) {
  if (answered_ >= answers_->size()) {
    throw std::runtime_error("the record has no answer of " + std::string(function));
  }
  const Told& told = (*answers_)[answered_];
  if (++answered_times_ >= told.times) {
    ++answered_;
    answered_times_ = 0;
  }
  if (function != "memoized" && told.function != function) {
    throw std::runtime_error("the record has an answer of " + told.function + ", not of " +
                             std::string(function));
  }
  if (told.failed) throw std::runtime_error(told.answer);
  // Answers hold octets: of a file, a blob, another server.
  json::parse_options octets;
  octets.allow_invalid_utf8 = true;
  return json::parse(told.answer, {}, octets).as_array();
}

/// SplitMix64: quick, and as good as a policy needs; what must not be guessed comes from kumo.uuid.
std::uint64_t Call::random() {
  if (!random_) seed_random();
  *random_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = *random_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::uint64_t Call::seed_random() {
  const json::value seed = told_by("random", []() -> json::value {
    std::int64_t made = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&made), sizeof(made));
    return made;
  });
  random_ = static_cast<std::uint64_t>(seed.to_number<std::int64_t>());
  return *random_;
}

}  // namespace postern::script
