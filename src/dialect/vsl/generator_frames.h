// Guards for the generator's scopes and functions. Private to it.
#pragma once

#include "dialect/vsl/generator.h"

namespace postern::dialect::vsl {

/// Opens a scope of names; frees their slots when destroyed.
class Generator::InScope {
 public:
  /// Opens a scope in the current frame.
  explicit InScope(Generator& generator) : generator_(generator) {
    generator_.frame_->scopes.emplace_back();
  }
  ~InScope() {
    for (const Variable& one : generator_.frame_->scopes.back().variables) {
      if (!one.maybe) generator_.give_slot(one.slot);
    }
    generator_.frame_->scopes.pop_back();
  }
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;

 private:
  Generator& generator_;
};

/// Opens a function of the Lua text; closes it when destroyed.
class Generator::InFrame {
 public:
  /// Makes a new frame the current one.
  InFrame(Generator& generator, Frame::Kind kind) : generator_(generator) {
    frame_.kind = kind;
    frame_.outer = generator.frame_;
    frame_.scopes.emplace_back();
    generator.frame_ = &frame_;
  }
  ~InFrame() { generator_.frame_ = frame_.outer; }
  InFrame(const InFrame&) = delete;
  InFrame& operator=(const InFrame&) = delete;
  const Frame& frame() const { return frame_; }  ///< the new frame

 private:
  Generator& generator_;
  Frame frame_;
};

}  // namespace postern::dialect::vsl
