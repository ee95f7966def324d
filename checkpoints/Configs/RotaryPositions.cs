using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>
/// Rotary positions (arXiv:2104.09864): queries and keys are turned by angles that grow with the position. Numbers i and i + width/2 of a
/// head make a pair, which position p turns by p·f_i.
/// </summary>
/// <param name="Theta">Base of the frequencies, f_i = Theta^(-2i/width). Default 10,000.</param>
/// <param name="Scaling">Slows the low frequencies, for contexts beyond the trained one; null keeps them.</param>
public sealed record RotaryPositions(double Theta = 10_000, Llama3Scaling? Scaling = null)
{
    private const string Parameters = "rope_parameters", LegacyScaling = "rope_scaling", ThetaKey = "rope_theta", TypeKey = "rope_type";
    private const string Default = "default", Llama3 = "llama3", PartialKey = "partial_rotary_factor";
    private const double LargestNumber = 1e12;

    /// <summary>The frequencies of the pairs, in radians per position. [width/2]</summary>
    /// <param name="width">Numbers of a head that are turned, even.</param>
    public float[] InverseFrequencies(int width)
    {
        float[] frequencies = new float[width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double plain = (float)Math.Pow(Theta, -2.0 * i / width);
            frequencies[i] = (float)(Scaling?.Of(plain) ?? plain);
        }

        return frequencies;
    }

    /// <summary>Cosines and sines of all angles, each [positions, width/2], row-major.</summary>
    /// <param name="positions">Number of positions, from 0.</param>
    /// <param name="width">Numbers of a head that are turned, even.</param>
    public (float[] Cosines, float[] Sines) Table(int positions, int width)
    {
        float[] frequencies = InverseFrequencies(width);
        var (cosines, sines) = (new float[checked(positions * frequencies.Length)], new float[positions * frequencies.Length]);
        for (int i = 0; i < cosines.Length; i++)
        {
            float angle = i / frequencies.Length * frequencies[i % frequencies.Length]; // float32, as the models were trained
            (sines[i], cosines[i]) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
        }

        return (cosines, sines);
    }

    /// <summary>Reads the keys of transformers 4 (<c>rope_theta</c>, <c>rope_scaling</c>) or 5 (<c>rope_parameters</c>).</summary>
    /// <param name="json">config.json.</param>
    /// <param name="thetaKey">The family's name of <c>rope_theta</c> in transformers 4.</param>
    /// <param name="turnsInPart">Whether the family turns only a part of each head; see <see cref="Part"/>.</param>
    /// <exception cref="CheckpointException">A kind of scaling or a key is unknown, or the two forms contradict each other.</exception>
    internal static RotaryPositions Read(ConfigJson json, string thetaKey = ThetaKey, bool turnsInPart = false)
    {
        string? block = (Block(json, Parameters), Block(json, LegacyScaling)) switch
        {
            (false, false) => null,
            (true, false) => Parameters,
            (false, true) => LegacyScaling,
            _ => throw json.Bad(LegacyScaling, json.Json[LegacyScaling]!, $"absent beside {Parameters}"),
        };
        if (!turnsInPart)
        {
            json.Only(PartialKey, JsonValue.Create(1.0), "Heads that turn in part are not implemented for this family.");
        }

        if (block is null)
        {
            return new RotaryPositions(Number(json, thetaKey, absent: 10_000));
        }

        var inner = new ConfigJson(json.File, (JsonObject)json.Json[block]!);
        string type = inner.Text(TypeKey, inner.Text("type", block == Parameters ? Default : ""));
        RefuseUnknown(inner, block, type);
        if (!turnsInPart)
        {
            inner.Only(PartialKey, JsonValue.Create(1.0), "Heads that turn in part are not implemented for this family.");
        }

        double theta = block == LegacyScaling ? Number(json, thetaKey, absent: 10_000) : Number(inner, ThetaKey, absent: null);
        if (Number(json, thetaKey, absent: theta) != theta)
        {
            throw json.Bad(thetaKey, json.Json[thetaKey]!, $"absent, or the {theta} of {Parameters}");
        }

        return new RotaryPositions(theta, type == Llama3 ? Llama3Scaling.Read(inner) : null);
    }

    /// <summary>The share of each head's numbers that turn, above 0 and at most 1.</summary>
    /// <param name="json">config.json.</param>
    /// <param name="key">The family's name of it in transformers 4; in 5 it is <c>rope_parameters.partial_rotary_factor</c>.</param>
    /// <param name="absent">The family's default.</param>
    internal static double Part(ConfigJson json, string key, double absent)
    {
        double part = Number(json, key, absent);
        part = Block(json, Parameters) ? Number(new ConfigJson(json.File, (JsonObject)json.Json[Parameters]!), PartialKey, part) : part;
        return part <= 1 ? part : throw json.Bad(key, part, "above 0 and at most 1");
    }

    /// <summary>Writes the keys into a new file. A file that was read keeps its own.</summary>
    /// <param name="json">config.json.</param>
    /// <param name="thetaKey">As in <see cref="Read"/>.</param>
    /// <param name="partKey">As in <see cref="Part"/>; null where whole heads turn.</param>
    /// <param name="part">The share of each head's numbers that turn.</param>
    internal void Write(JsonObject json, string thetaKey = ThetaKey, string? partKey = null, double part = 1)
    {
        if (json.ContainsKey(Parameters))
        {
            return;
        }

        if (partKey is not null)
        {
            json[partKey] = ConfigJson.Float(part);
        }

        json[thetaKey] = ConfigJson.Float(Theta);
        json[LegacyScaling] = Scaling is null ? null : Scaling.Json(TypeKey, Llama3);
    }

    /// <summary>A required number above 0, or one with a default.</summary>
    internal static double Number(ConfigJson json, string key, double? absent)
    {
        double value = json.Number(key, absent ?? double.NaN, double.Epsilon, LargestNumber);
        return double.IsNaN(value) ? throw new CheckpointException($"{json.File}: key '{key}' is missing beside the other settings of rotary positions.") : value;
    }

    private static bool Block(ConfigJson json, string key) => json.Json[key] switch
    {
        null => false,
        JsonObject => true,
        var other => throw json.Bad(key, other, "an object or null"),
    };

    private static void RefuseUnknown(ConfigJson inner, string block, string type)
    {
        string[] known = type switch
        {
            Default => [],
            Llama3 => Llama3Scaling.Keys,
            _ => throw new CheckpointException(
                $"{inner.File}: {block}.{TypeKey} is '{type}'; supported are '{Default}' and '{Llama3}'. Choose a model with one of these rotary positions."),
        };
        if (inner.Json.FirstOrDefault(pair => !known.Contains(pair.Key)
            && pair.Key is not (TypeKey or "type") && !(block == Parameters && pair.Key is ThetaKey or PartialKey)) is { Key: { } key })
        {
            throw new CheckpointException($"{inner.File}: {block}.{key} is not a setting of rotary positions of type '{type}'. Check that the file belongs to this model.");
        }
    }
}

/// <summary>
/// Llama 3's scaling of rotary frequencies: wavelengths up to a limit stay, those beyond a second limit are stretched by the factor, and
/// those between are blended. Source: <c>_compute_llama3_parameters</c> of transformers' modeling_rope_utils.py.
/// </summary>
/// <param name="Factor">Stretch of the longest wavelengths, 1 or more.</param>
/// <param name="LowFrequencyFactor">Wavelengths above <paramref name="OriginalContext"/> / this are stretched.</param>
/// <param name="HighFrequencyFactor">Wavelengths below <paramref name="OriginalContext"/> / this stay; larger than the low factor.</param>
/// <param name="OriginalContext">Context that the frequencies were trained with, tokens.</param>
public sealed record Llama3Scaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext)
{
    private const string FactorKey = "factor", LowKey = "low_freq_factor", HighKey = "high_freq_factor", OriginalKey = "original_max_position_embeddings";

    internal static readonly string[] Keys = [FactorKey, LowKey, HighKey, OriginalKey];

    /// <summary>The scaled frequency.</summary>
    /// <param name="frequency">Radians per position.</param>
    internal double Of(double frequency)
    {
        double wavelength = 2 * Math.PI / frequency;
        if (wavelength > OriginalContext / LowFrequencyFactor)
        {
            return frequency / Factor;
        }

        if (wavelength < OriginalContext / HighFrequencyFactor)
        {
            return frequency;
        }

        double smooth = ((OriginalContext / wavelength) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        return ((1 - smooth) * frequency / Factor) + (smooth * frequency);
    }

    internal static Llama3Scaling Read(ConfigJson json)
    {
        var scaling = new Llama3Scaling(
            RotaryPositions.Number(json, FactorKey, absent: null),
            RotaryPositions.Number(json, LowKey, absent: null),
            RotaryPositions.Number(json, HighKey, absent: null),
            json.Size(OriginalKey));
        return scaling.LowFrequencyFactor < scaling.HighFrequencyFactor
            ? scaling
            : throw json.Bad(LowKey, json.Json[LowKey]!, $"below {HighKey}, which is {scaling.HighFrequencyFactor}");
    }

    internal JsonObject Json(string typeKey, string type) => new()
    {
        [FactorKey] = ConfigJson.Float(Factor),
        [HighKey] = ConfigJson.Float(HighFrequencyFactor),
        [LowKey] = ConfigJson.Float(LowFrequencyFactor),
        [OriginalKey] = OriginalContext,
        [typeKey] = type,
    };
}
