package kernel

//go:generate go run gen/main.go gen/common.go gen/gemm.go gen/maps.go gen/functions.go gen/interleave.go gen/reduce.go gen/move.go avx2_amd64.s avx2_amd64.go
