using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Rudder.Engine.Graphs;

/// <summary>Detects whether the processor multiplies unsigned by signed bytes without overflow (VNNI), as int8 graphs need.</summary>
/// <remarks>Older x64 processors add pairs of products in 16 bits, which can saturate; ONNX Runtime then needs a slower mode.</remarks>
internal static class ByteProducts
{
    private const int FeatureLeaf = 7;
    private const int Avx512Vnni = 1 << 11;                  // leaf 7, sub-leaf 0, ECX
    private const int AvxVnni = 1 << 4;                      // leaf 7, sub-leaf 1, EAX

    /// <summary>True with VNNI, and on processors other than x64.</summary>
    public static bool AreExact { get; } = RuntimeInformation.ProcessArchitecture != Architecture.X64 || !X86Base.IsSupported || HasVnni();

    private static bool HasVnni() =>
        X86Base.CpuId(0, 0).Eax >= FeatureLeaf
        && ((X86Base.CpuId(FeatureLeaf, 0).Ecx & Avx512Vnni) != 0 || (X86Base.CpuId(FeatureLeaf, 1).Eax & AvxVnni) != 0);
}
