#!/usr/bin/env bash
# Packs what an operator needs: the binary (the web client is inside it), the configuration, the documents.
set -euo pipefail
cd "$(dirname "$0")/.."

version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
name="kafedra-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
rm -rf "dist/$name"
mkdir -p "dist/$name/config"
cp target/release/kafedra README.md CHANGELOG.md LICENSE "dist/$name/"
cp config/kafedra.toml config/kafedra.service "dist/$name/config/"
cp -r docs "dist/$name/"
tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -czf "dist/$name.tar.gz" "$name"
(cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
