using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Rudder.InferenceService.Grpc;

/// <summary>Finds fields with an unknown number or wire type. Without this check the service would silently ignore them.</summary>
internal static class UnknownFields
{
    /// <summary>Maximum nested messages of a request. The largest settings allow 65,536 entries with one or two messages each.</summary>
    public const int MaxMessages = 1 << 20;

    /// <summary>The first unknown field as <c>path.field 17</c>, or null.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a message.</exception>
    /// <exception cref="global::Grpc.Core.RpcException">
    /// It holds more than <see cref="MaxMessages"/>. Two bytes on the wire can become hundreds of bytes in memory.
    /// </exception>
    public static string? FirstIn(IMessage message)
    {
        int messages = 0;
        return FirstIn(new CodedInputStream(message.ToByteArray()), message.Descriptor, ref messages);
    }

    // The runtime keeps unknown fields but does not expose them, so this reads the bytes again. Names are built only after a find,
    // on the way back.
    private static string? FirstIn(CodedInputStream input, MessageDescriptor type, ref int messages)
    {
        var counts = new Dictionary<int, int>();
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            var field = type.FindFieldByNumber(number);
            if (field is null || !Fits(field, WireFormat.GetTagWireType(tag)))
            {
                return $"field {number}";
            }

            if (field.FieldType != FieldType.Message)
            {
                input.SkipLastField();
                continue;
            }

            if (++messages > MaxMessages)
            {
                throw RpcErrors.Invalid($"the request holds more than {MaxMessages} messages, the limit of one call. Send several calls.");
            }

            int index = counts[number] = counts.GetValueOrDefault(number, -1) + 1;
            var inner = input.ReadBytes();
            if (!inner.IsEmpty && FirstIn(inner.CreateCodedInput(), field.MessageType, ref messages) is { } found)
            {
                return field.IsRepeated ? $"{field.Name}[{index}].{found}" : $"{field.Name}.{found}";
            }
        }

        return null;
    }

    // The runtime treats a known number with another wire type as unknown. Repeated numbers may be packed or not.
    private static bool Fits(FieldDescriptor field, WireFormat.WireType sent) =>
        sent == WireTypeOf(field.FieldType) || (field.IsRepeated && sent == WireFormat.WireType.LengthDelimited);

    private static WireFormat.WireType WireTypeOf(FieldType type) => type switch
    {
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => WireFormat.WireType.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => WireFormat.WireType.Fixed32,
        FieldType.String or FieldType.Bytes or FieldType.Message => WireFormat.WireType.LengthDelimited,
        FieldType.Group => WireFormat.WireType.StartGroup,
        _ => WireFormat.WireType.Varint,
    };
}
