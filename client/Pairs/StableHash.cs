using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Client.Pairs;

/// <summary>
/// Numbers that depend on an id alone: the same prompt gets the same length and the same seed on every machine, in every
/// batch and after every interruption.
/// </summary>
internal static class StableHash
{
    /// <summary>Seed of a prompt's completions: the first four bytes, little endian, of SHA-256("seed:" + seed + ":" + id).</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="promptId">Stable id of the prompt.</param>
    public static uint Seed(ulong seed, string promptId) => First($"seed:{seed}:{promptId}");

    /// <summary>A length in [min, max] from SHA-256("length:" + id); it does not depend on the seed, so prompts stay the same over seeds.</summary>
    public static int Length(string sourceId, int min, int max) => min + (int)(First($"length:{sourceId}") % (uint)(max - min + 1));

    private static uint First(string text) => BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
