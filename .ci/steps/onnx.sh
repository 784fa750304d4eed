# Models exported by PyTorch: are the imported programs the same? Sourced by .ci/run.

# PyTorch for Linux on PyPI brings CUDA's libraries along: 3 GB to download, 7 GB on disk.
onnx_python="onnx==1.19.1 onnx_ir==0.1.12 onnxscript==0.5.4 numpy==2.3.5"
onnx_torch="torch==2.9.1"

check_onnx() {
	local venv="$tmp/onnx-venv" cases="$tmp/onnx-cases" free
	command -v python3 >/dev/null || { echo "no python3"; return 77; }
	free=$(df -Pk "$tmp" | awk 'NR == 2 {print $4}')
	[ "$free" -gt 9000000 ] || { echo "PyTorch needs 9 GB below $tmp"; return 77; }
	python3 -m venv "$venv" || { echo "python3 has no venv"; return 77; }
	timeout 180 "$venv/bin/pip" install -q $onnx_python || { echo "PyPI cannot be reached, or has not $onnx_python for this Python"; return 77; }
	timeout 700 "$venv/bin/pip" install -q --no-cache-dir $onnx_torch || { echo "PyPI has not $onnx_torch, or takes too long"; return 77; }
	command -v morgana >/dev/null || go install ./cmd/morgana || return 1
	"$venv/bin/python" "$repo/.ci/onnx-export.py" "$cases" >"$tmp/onnx-export.log" 2>&1 || { tail -n 40 "$tmp/onnx-export.log"; return 1; }
	"$venv/bin/python" "$repo/.ci/onnx-compare.py" "$cases" || return 1
	rm -rf "$venv"
}

export onnx_python onnx_torch
export -f check_onnx
