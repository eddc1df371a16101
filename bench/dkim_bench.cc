// DKIM verification of whole messages, with a cached key, in chunks as the gateway reads them,
// compared with the bare arithmetic: SHA-256 of body and header and one RSA-2048 verification with
// a parsed key.
//   dkim_bench [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "mailauth/dkim/sign.h"
#include "mailauth/dkim/verify.h"

namespace {

using namespace mailauth;
using namespace mailauth::dkim;
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk_octets = 16384;
constexpr std::int64_t now = 1'772'445'600;

/// `line_end` is "\r\n", or begins with white space, which the relaxed form removes.
std::string unsigned_message(std::size_t size, std::string_view line_end) {
  static constexpr std::string_view words[] = {"ledger", "harbour", "window", "quiet",   "lantern",
                                               "market", "copper",  "river",  "morning", "signal"};
  std::mt19937 random(7);
  std::string text =
      "From: Sender <sender@example.org>\r\nTo: <rcpt@example.net>\r\n"
      "Subject: Report of the market\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n"
      "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
  while (text.size() + 640 < size) {
    std::string line;
    for (int i = 0; i < 9; ++i) line += std::string(words[random() % std::size(words)]) + " ";
    line.pop_back();
    text += line.substr(0, 72);
    text += line_end;
  }
  return text;
}

Results verify(std::string_view message, const std::string& record, KeyCache& cache) {
  Verifier verifier({.cache = &cache});
  for (std::size_t at = 0; at < message.size(); at += chunk_octets) {
    verifier.feed(message.substr(at, chunk_octets));
  }
  auto check = verifier.finish(now);
  while (check.next()) check.feed({.status = Answer::Status::found, .records = {record}});
  return check.result();
}

/// Hashes the same octets and checks the same kind of signature, and does no more.
bool verify_raw(std::string_view body, std::string_view header, const KeyRecord& key,
                const std::string& value) {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  unsigned char digest[32];
  EVP_Digest(body.data(), body.size(), digest, nullptr, md, nullptr);
  EVP_Digest(header.data(), header.size(), digest, nullptr, md, nullptr);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key.key.get(), nullptr);
  const bool good = EVP_PKEY_verify_init(context) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
                    EVP_PKEY_verify(context, reinterpret_cast<const unsigned char*>(value.data()),
                                    value.size(), digest, sizeof digest) == 1;
  EVP_PKEY_CTX_free(context);
  return good;
}

template <class Work>
double micros_each(std::size_t times, Work work) {
  const auto start = Clock::now();
  for (std::size_t i = 0; i < times; ++i) work();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() /
         static_cast<double>(times);
}

/// The tenth percentile of the times: the speed when no other program runs.
double undisturbed(std::vector<double> times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

void compare(const SigningKey& key, std::size_t size, Canonicalization form,
             std::string_view line_end, int rounds) {
  const std::string plain = unsigned_message(size, line_end);
  SignOptions options{.domain = "example.org", .selector = "bench"};
  options.forms = {.header = form, .body = form};
  options.fields = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"};
  const std::string message = *sign_message({{&key, "bench"}}, options, plain) + plain;
  const std::string record = key.public_record();
  KeyCache cache;
  if (!verify(message, record, cache).any_acceptable()) std::abort();

  const KeyRecord parsed = *parse_key_record(record);
  const std::size_t body_at = message.find("\r\n\r\n") + 4;
  const std::string header = message.substr(0, std::min<std::size_t>(body_at, 640));
  const std::string value = key.sign(sha256(header));
  const std::size_t times = std::max<std::size_t>(200'000 / message.size(), 1);
  std::vector<double> ours;
  std::vector<double> raw;
  for (int round = 0; round < rounds; ++round) {
    raw.push_back(micros_each(times, [&] {
      if (!verify_raw(std::string_view(message).substr(body_at), header, parsed, value)) {
        std::abort();
      }
    }));
    ours.push_back(micros_each(times, [&] {
      if (!verify(message, record, cache).any_acceptable()) std::abort();
    }));
  }
  fmt::print("{:>8} octets {:<8}{:<16} ours {:8.1f} us   raw {:8.1f} us   raw/ours {:.3f}\n",
             message.size(), form == Canonicalization::simple ? "simple" : "relaxed",
             line_end.size() > 2 ? " (spaces to cut)" : "", undisturbed(ours), undisturbed(raw),
             undisturbed(raw) / undisturbed(ours));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 401;
  const auto key = SigningKey::generate_rsa(2048);
  if (!key) return 1;
  for (const std::size_t size : {4096u, 1u << 20}) {
    compare(*key, size, Canonicalization::relaxed, "\r\n", rounds);
    compare(*key, size, Canonicalization::simple, "\r\n", rounds);
    compare(*key, size, Canonicalization::relaxed, " \r\n", rounds);
  }
  return 0;
}
