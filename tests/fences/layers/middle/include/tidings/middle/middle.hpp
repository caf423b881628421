#pragma once
inline int Middle() { return 2; }
