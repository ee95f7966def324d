using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Client.Pairs;

/// <summary>A seed that depends on an id alone: the same prompt gets the same one on every machine, in every batch and after every interruption.</summary>
internal static class StableHash
{
    /// <summary>Seed of a prompt's completions: the first four bytes, little endian, of SHA-256("seed:" + seed + ":" + id).</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="promptId">Stable id of the prompt.</param>
    public static uint Seed(ulong seed, string promptId) =>
        BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"seed:{seed}:{promptId}")));
}
